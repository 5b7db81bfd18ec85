"""Pairs of sentences in two languages, split and as numbers of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from research.data.arrays import ArraySource
from research.data.tfds_split import TfdsSplit
from research.data.tokens import SIGNS, cut
from research.sequence.translations.pairs import Pair, pair_of, pair_sources

DATASET = "spa_eng"
"""English and Spanish sentences of tatoeba.org, columns `en` and `es`."""

SHUFFLED_BY = 42
"""The seed of the order in which pairs are split: in the file, short ones come first."""


@dataclass(frozen=True)
class SentenceConfig:
    """What can be chosen of the sentences."""

    training_pairs: Annotated[int, "pairs that are learned from"] = 100_000
    validation_pairs: Annotated[int, "pairs after these that are validated on"] = 18_964
    vocabulary: Annotated[int, "words of each language, with four signs"] = 1_000
    longest: Annotated[int, "words of a sentence that are kept, with the sign of its end"] = 20


class Sentences(NamedTuple):
    """What is learned from.

    Attributes:
        pair: the vocabularies, those of the training pairs.
        sources: `train` and `validation`, with columns `source` and `target`, uint16 or int32
            `[pairs, longest]`; and `unseen`, the part of `validation` whose English is in no
            training pair, where there is any.
        validation: the validation sentences as they stand, in both languages.
        unseen: bool, of each of these, whether its English is in no training pair.
    """

    pair: Pair
    sources: dict[str, ArraySource]
    validation: tuple[list[str], list[str]]
    unseen: np.ndarray


def read_sentences(config: SentenceConfig) -> Sentences:
    """English sentences with their Spanish translations.

    Longer ones are cut, and then have no sign of their end. Pairs are split by chance, and many an
    English sentence has several translations: a fifth of those that are validated on were learned
    with another one, or the same.

    Raises:
        Mistake: the data set is not prepared.
    """
    columns = TfdsSplit(DATASET, "train").load()
    order = np.random.default_rng(SHUFFLED_BY).permutation(len(columns["en"]))
    train, count = config.training_pairs, config.training_pairs + config.validation_pairs
    english, spanish = (
        [text.decode() for text in columns[name][order[:count]]] for name in ("en", "es")
    )
    pair = pair_of(
        english[:train],
        spanish[:train],
        "words",
        (config.longest, config.longest),
        config.vocabulary - len(SIGNS),
    )
    name = f"{DATASET}, {{count}} pairs of sentences ({{split}})"
    unseen = not_among(english[train:], english[:train])
    splits: dict[str, slice | np.ndarray] = {
        "train": slice(0, train),
        "validation": slice(train, count),
    }
    if unseen.any():
        splits["unseen"] = train + np.flatnonzero(unseen)
    sources = pair_sources(pair, name, english, spanish, splits)
    return Sentences(pair, sources, (english[train:], spanish[train:]), unseen)


def not_among(texts: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Of each text, whether no other has the same words, bool `[texts]`."""
    known = {tuple(cut(text, "words")) for text in others}
    return np.array([tuple(cut(text, "words")) not in known for text in texts], bool)

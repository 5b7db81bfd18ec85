"""English sentences, translated to Spanish: how they are split, and nets that learn from them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np

from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.data.text import SIGNS, cut
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data, Experiment, Needs
from research.optimization.supervised import Fitting
from research.options.ranges import AMOUNT, COUNT, FRACTION, Divides, Range
from research.sequence.translations.encoder_decoder import AttentionName, EncoderDecoder
from research.sequence.translations.pairs import Pair, pair_from, pair_of, pair_sources
from research.sequence.translations.transformer_translator import TransformerTranslator
from research.sequence.translations.translation import Translation, make_translation
from research.sequence.translations.translator import Net, make_judge

DATASET = "spa_eng"
"""English and Spanish sentences of tatoeba.org, columns `en` and `es`."""

PAIRS = 118_964
"""Pairs in it."""

SHUFFLED_BY = 42
"""The seed of the order in which pairs are split: in the file, short ones come first."""

SCORED = 1_000
"""Validation sentences that BLEU and chrF are measured on."""


class Sentences(NamedTuple):
    """Pairs of sentences, split and cut into tokens.

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


def read_sentences(config: SentenceTranslation) -> Sentences:
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


@dataclass(frozen=True)
class SentenceTranslation(Translation):
    """Options of every net that translates sentences."""

    training_pairs: Annotated[int, "pairs in the training split", Range(1, PAIRS - 1)] = 100_000
    validation_pairs: Annotated[
        int, "pairs after these that are validated on", Range(1, PAIRS - 1)
    ] = 18_964
    vocabulary: Annotated[int, "words of each language, with four signs", Range(5)] = 1_000
    longest: Annotated[
        int, "words of a sentence that are kept, with the sign of its end", Range(2)
    ] = 20
    epochs: Annotated[int, "passes over the training pairs", AMOUNT] = 2
    batch_size: Annotated[int, "pairs in one update", Range(1, "training_pairs")] = 128

    @property
    def headline(self) -> str:
        """The figure of the book."""
        return "validation/accuracy"

    def problems(self) -> list[str]:
        """There are so many pairs."""
        problems = super().problems()
        if self.training_pairs + self.validation_pairs > PAIRS:
            problems.append(
                f"--training-pairs and --validation-pairs are {self.training_pairs} and "
                f"{self.validation_pairs}; there are {PAIRS} pairs in all"
            )
        return problems

    def smoke(self) -> Self:
        """Ten updates on few short sentences."""
        small = replace(self, epochs=1, batch_size=64, training_pairs=640, validation_pairs=64)
        return replace(small, vocabulary=200, longest=8)

    @abstractmethod
    def net(self, pair: Pair) -> Net:
        """Reads and writes these languages."""

    def make(self) -> Experiment:
        """The net and English sentences with their Spanish translations."""
        sentences = read_sentences(self)
        rows = shuffled_rows(self.training_pairs, self.batch_size)
        english, spanish = (texts[:SCORED] for texts in sentences.validation)
        return make_translation(
            self,
            self.net(sentences.pair),
            sentences.pair,
            Data(sentences.sources, rows, evaluation_batch_size=500),
            pairs=self.training_pairs,
            final=("unseen",) if "unseen" in sentences.sources else (),
            judge=make_judge(english, spanish, sentences.unseen[:SCORED]),
        )

    def make_to_use(self, needs: Needs) -> Experiment:
        """The net without sentences."""
        pair = pair_from(needs)
        return make_translation(
            self, self.net(pair), pair, None, pairs=self.training_pairs, final=()
        )


@dataclass(frozen=True)
class RecurrentTranslation(SentenceTranslation):
    """Options of two LSTMs, of which the first reads and the second writes."""

    attention: ClassVar[AttentionName] = "none"
    bidirectional: ClassVar[bool] = False

    embedding: Annotated[int, "width of a word's embedding", COUNT] = 128
    units: Annotated[int, "units of each of the two layers (the book: 512)", COUNT] = 256

    def smoke(self) -> Self:
        """A narrow net."""
        return replace(super().smoke(), embedding=8, units=8)

    def net(self, pair: Pair) -> Net:
        """An `EncoderDecoder`."""
        return EncoderDecoder(
            len(pair.source),
            len(pair.target),
            self.embedding,
            self.units,
            bidirectional=self.bidirectional,
            attention=self.attention,
        )


@dataclass(frozen=True)
class TransformerTranslation(SentenceTranslation):
    """Options of a transformer."""

    features: Annotated[int, "width of a word's embedding and of every layer", COUNT] = 128
    heads: Annotated[int, "heads of every attention", COUNT, Divides(("features",))] = 8
    hidden: Annotated[int, "units of the first of a block's two dense layers", COUNT] = 128
    blocks: Annotated[int, "blocks of the encoder, and of the decoder", COUNT] = 2
    warmup_steps: Annotated[int, "updates in which the step size rises", AMOUNT] = 100
    dropout_rate: Annotated[float, "share dropped of each residual branch", FRACTION] = 0.1

    def problems(self) -> list[str]:
        """There is time for the warm-up, and positions are sines and cosines."""
        problems, steps = super().problems(), self.fitting(self.training_pairs).steps
        if self.warmup_steps > steps:
            problems.append(
                f"--warmup-steps must be at most the updates there are, {steps}, not "
                f"{self.warmup_steps}"
            )
        if self.features % 2:
            problems.append(f"--features must be even, not {self.features}")
        return problems

    def smoke(self) -> Self:
        """A narrow net."""
        return replace(super().smoke(), features=8, heads=2, hidden=8, warmup_steps=2)

    def fitting(self, pairs: int) -> Fitting:
        """As others, with a warm-up."""
        fitting = super().fitting(pairs)
        return fitting._replace(schedule="warmup_cosine", warmup_steps=self.warmup_steps)

    def net(self, pair: Pair) -> Net:
        """A `TransformerTranslator`."""
        return TransformerTranslator(
            len(pair.source),
            len(pair.target),
            self.features,
            self.heads,
            self.hidden,
            self.blocks,
            self.longest,
        )

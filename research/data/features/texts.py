"""Texts as vectors of a length: bags of words, and bags weighted by how rare a word is (TF-IDF).

On the host a text becomes tokens by a `Vocabulary` of the training split (`commonest`, `cut`); the
vector is made of these inside the model. A batch of tokens is far smaller than one of vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np

from research.data.bar import Tell
from research.data.columns import Columns, is_text
from research.data.features.categories import count_places, multi_hot
from research.data.features.statistics import Array, Statistics
from research.data.sources.functions import describe
from research.data.sources.kept import find_value_once, in_parts
from research.data.sources.mapped import Mapped
from research.data.sources.wrapping import digest_of
from research.data.text import SIGNS, Kept, Vocabulary, commonest, cut
from research.engine.experiment import Source
from research.errors import Mistake

FORMAT = 1
"""Changes whenever other words would be counted in the same texts."""


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return cut(text, "words")


def fit_words(
    train: Source, column: str, most: int, parts: Callable[[str], list[str]] = words_of
) -> Vocabulary:
    """The commonest words of the training texts, counted once and kept in `ENCORE_CACHE_DIR`.

    Args:
        train: the training split; some of its texts are in memory at a time.
        column: of texts. What is no UTF-8 is replaced by a sign for that.
        most: words that are known.
        parts: what a text's words are.

    Raises:
        Mistake: there is no such column, or it holds no texts.
    """

    def texts(tell: Tell) -> Iterator[list[str]]:
        for _, columns in in_parts(train, f"counting the words of {train.name}", tell):
            if column not in columns:
                there = ", ".join(sorted(columns))
                raise Mistake(f"{train.name} has no column {column!r}; it has {there}")
            if not is_text(columns[column]):
                raise Mistake(f"{train.name}: column {column!r} holds no texts")
            for text in columns[column]:
                yield parts(text.decode("utf-8", "replace"))

    key = digest_of((train,), "words", column, most, describe(parts), FORMAT)
    found = find_value_once(key, lambda tell: commonest(texts(tell), "words", most).symbols)
    return Vocabulary(tuple(found), "words")


def tokenized(
    source: Source, column: str, vocabulary: Vocabulary, length: int, kept: Kept = "first"
) -> Mapped:
    """The source with each text of a column as tokens `[length]`, made by the host's workers."""
    does = f"{column} as the {kept} {length} of {len(vocabulary):,} tokens"
    change = partial(_change, column, vocabulary, length, kept)
    return Mapped(source, change, does, vocabulary.digest())


def _change(
    column: str, vocabulary: Vocabulary, length: int, kept: Kept, columns: Columns
) -> Columns:
    parts = [cut(text.decode("utf-8", "replace"), vocabulary.unit) for text in columns[column]]
    return {**columns, column: vocabulary.rows(parts, length, kept)}


def count_words(tokens: Array, vocabulary: int) -> Array:
    """How often each symbol occurs in a text: float32 `[texts, symbols]`.

    Args:
        tokens: int `[texts, length]`. Padding and other special tokens count nothing.
        vocabulary: how many tokens there are, the special ones among them.
    """
    return count_places(tokens.astype(np.int32) - len(SIGNS), vocabulary - len(SIGNS))


def find_words(tokens: Array, vocabulary: int) -> Array:
    """1 for each symbol that a text has, else 0; as `count_words`."""
    return multi_hot(tokens.astype(np.int32) - len(SIGNS), vocabulary - len(SIGNS))


@dataclass(frozen=True)
class Rarity(Statistics):
    """In how many training texts each symbol of a vocabulary occurs.

    Attributes:
        texts: how many there are.
        frequency: of each symbol, texts that have it.
    """

    texts: int
    frequency: tuple[int, ...]


def fit_rarity(texts: Iterable[Sequence[str]], vocabulary: Vocabulary) -> Rarity:
    """Counts of the training texts, parts of each as `cut` gives."""
    count, frequency = 0, [0] * len(vocabulary.symbols)
    for parts in texts:
        count += 1
        for token in {vocabulary.tokens[part] for part in parts if part in vocabulary.tokens}:
            frequency[token - len(SIGNS)] += 1
    return Rarity(count, tuple(frequency))


def weigh_words(statistics: Rarity, tokens: Array) -> Array:
    """Each symbol's count in a text times its rarity, of length 1: float32 `[texts, symbols]`.

    The rarity is ln((1 + texts) / (1 + frequency)) + 1. A text without any symbol is 0.

    Args:
        statistics: of the training texts.
        tokens: int `[texts, length]`, as `count_words` has them.

    Source: Spärck Jones 1972, "A statistical interpretation of term specificity"; smoothed as by
    scikit-learn's `TfidfTransformer`.
    """
    frequency = np.asarray(statistics.frequency, np.float64)
    rarity = (np.log((1 + statistics.texts) / (1 + frequency)) + 1).astype(np.float32)
    weighted = count_words(tokens, len(frequency) + len(SIGNS)) * rarity
    norm = jnp.sqrt(jnp.sum(weighted**2, axis=-1, keepdims=True))
    return weighted / jnp.where(norm > 0, norm, 1.0)

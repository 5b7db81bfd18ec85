"""Texts as words, words as numbers; the words of a vocabulary are the commonest of a few texts."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import numpy as np

PATTERN = r"\w+(?:'\w+)*"
"""A word: letters, digits and underscores, with apostrophes between them (`don't` is one)."""

PADDING, UNKNOWN = 0, 1
"""Numbers that are no word's: where a text has ended, and where a word is in no vocabulary."""

Kept: TypeAlias = Literal["first", "last"]
"""Which words of a text are kept where it is too long."""

_NO_WORDS = ("", "[unknown]")
_find = re.compile(PATTERN).findall


def split_words(text: str) -> list[str]:
    """The words of a text, lower-case, without `<br />`: what `PATTERN` finds."""
    return _find(text.replace("<br />", " ").lower())


def ngrams(words: Sequence[str], longest: int) -> list[str]:
    """All stretches of one to `longest` words, the short ones first, a space between words."""
    found = list(words)
    for size in range(2, longest + 1):
        runs = zip(*(itertools.islice(words, start, None) for start in range(size)), strict=False)
        found += map(" ".join, runs)
    return found


@dataclasses.dataclass(frozen=True)
class WordVocabulary:
    """Words that have a number: the first has the number 2, after `PADDING` and `UNKNOWN`.

    Attributes:
        words: each once.
    """

    words: tuple[str, ...]

    def __len__(self) -> int:
        """How many numbers there are, padding and the unknown word included."""
        return len(_NO_WORDS) + len(self.words)

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """Word -> number."""
        return {word: number for number, word in enumerate(self.words, len(_NO_WORDS))}

    def encode(
        self, texts: Sequence[Sequence[str]], length: int, kept: Kept = "first"
    ) -> np.ndarray:
        """Texts as rows of numbers, cut or padded at their ends.

        Args:
            texts: words of each.
            length: of a row, at least 1.
            kept: which words of a longer text.

        Returns:
            uint16 or int32 `[texts, length]`.
        """
        parts = (text[:length] if kept == "first" else text[-length:] for text in texts)
        find = self.numbers.get
        return self._rows([[find(word, UNKNOWN) for word in part] for part in parts], length)

    def bags(self, texts: Sequence[Iterable[str]]) -> np.ndarray:
        """Which of its words a text holds, each once, rising; without those that are unknown.

        Returns:
            uint16 or int32 `[texts, most]`, as long as the fullest bag needs, padded at their ends.
        """
        find = self.numbers.get
        rows = [sorted({find(word, UNKNOWN) for word in text} - {UNKNOWN}) for text in texts]
        return self._rows(rows, max(map(len, rows), default=0))

    def decode(self, numbers: np.ndarray) -> str:
        """The words of numbers `[length]`, a space between them; padding is nothing."""
        words = (*_NO_WORDS, *self.words)
        return " ".join(words[number] for number in numbers.tolist() if number != PADDING)

    def digest(self) -> str:
        """SHA-256 (hex) of the words in order."""
        return hashlib.sha256("\n".join(self.words).encode()).hexdigest()

    def _rows(self, numbers: Sequence[Sequence[int]], length: int) -> np.ndarray:
        dtype = np.uint16 if len(self) <= 2**16 else np.int32
        rows = np.full((len(numbers), max(1, length)), PADDING, dtype)
        for row, part in zip(rows, numbers, strict=True):
            row[: len(part)] = part
        return rows


def commonest(texts: Iterable[Iterable[str]], size: int) -> WordVocabulary:
    """The words that occur most often in texts; of equally common ones, the alphabet's first.

    Args:
        texts: words of each: of the training split alone, for others are not known beforehand.
        size: how many words at most.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return WordVocabulary(tuple(ordered[:size]))

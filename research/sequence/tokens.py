"""Texts as numbers of words or of characters, and back, with four signs beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

Unit: TypeAlias = Literal["words", "characters"]
"""What a text is cut into."""

PADDING, START, END, UNKNOWN = range(4)
"""What fills up a row, what a text begins and ends with, and what is in no vocabulary."""

SIGNS = ("", "[start]", "[end]", "[unknown]")
"""How these are shown."""

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""Letters and digits, with apostrophes between them: whatever else there is, punctuation and
inverted marks, separates words and is left out."""


class Tokens(NamedTuple):
    """A vocabulary.

    Attributes:
        symbols: words or characters, each once; the first has number 4.
        unit: which of the two. Words are lower-case.
    """

    symbols: tuple[str, ...]
    unit: Unit

    def __len__(self) -> int:
        """How many numbers there are, with the four signs."""
        return len(SIGNS) + len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text, `UNKNOWN` for what is not in the vocabulary."""
        number = {symbol: len(SIGNS) + place for place, symbol in enumerate(self.symbols)}
        return [number.get(part, UNKNOWN) for part in cut(text, self.unit)]

    def unknown(self, text: str) -> list[str]:
        """What a text has that is not in the vocabulary, in its order, each once."""
        return [*dict.fromkeys(part for part in cut(text, self.unit) if part not in self.symbols)]

    def spell(self, numbers: np.ndarray | Sequence[int]) -> list[str]:
        """The parts that numbers stand for, up to the first `END`; padding is left out."""
        parts = []
        for number in np.asarray(numbers).tolist():
            if number == END:
                break
            if number != PADDING:
                parts.append((*SIGNS, *self.symbols)[number])
        return parts

    def decode(self, numbers: np.ndarray | Sequence[int]) -> str:
        """The text that they stand for."""
        return ("" if self.unit == "characters" else " ").join(self.spell(numbers))


def cut(text: str, unit: Unit) -> list[str]:
    """The parts of a text: its characters, or its words by `WORD` in lower case."""
    return [*text] if unit == "characters" else WORD.findall(text.lower())


def tokens_of(texts: Iterable[str], unit: Unit, size: int | None = None) -> Tokens:
    """The vocabulary of texts, the most frequent first and equals in the order of their letters.

    Args:
        texts: those of training alone.
        unit: what they are cut into.
        size: how many numbers at most, with the four signs; no limit if None.

    Raises:
        ValueError: the size leaves no room for a word.
    """
    if size is not None and size <= len(SIGNS):
        raise ValueError(f"a vocabulary of {size} has no room beside {len(SIGNS)} signs")
    counts = Counter(part for text in texts for part in cut(text, unit))
    ordered = sorted(counts, key=lambda part: (-counts[part], part))
    return Tokens(tuple(ordered[: None if size is None else size - len(SIGNS)]), unit)


def encode_rows(tokens: Tokens, texts: Sequence[str], length: int, *, end: bool) -> np.ndarray:
    """Texts as rows of numbers, padded, and cut where they are longer.

    Args:
        tokens: the vocabulary.
        texts: one a row.
        length: numbers in a row.
        end: whether `END` follows each text (where there is room).

    Returns:
        int32 `[texts, length]`.
    """
    number = {symbol: len(SIGNS) + place for place, symbol in enumerate(tokens.symbols)}
    rows = np.full((len(texts), length), PADDING, np.int32)
    for row, text in zip(rows, texts, strict=True):
        parts = [number.get(part, UNKNOWN) for part in cut(text, tokens.unit)]
        parts = (parts + [END] * end)[:length]
        row[: len(parts)] = parts
    return rows

"""Characters as numbers, and back."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from research.errors import Mistake


class Vocabulary(NamedTuple):
    """The characters that a text is made of.

    Attributes:
        symbols: each once; the number of a character is its place.
        lower: whether text is made lower-case before it is read.
    """

    symbols: str
    lower: bool = False

    def __len__(self) -> int:
        """How many characters there are."""
        return len(self.symbols)

    def encode(self, text: str, whose: str = "the text") -> np.ndarray:
        """Its characters' numbers, uint16 `[characters]`.

        Raises:
            Mistake: a character is not in the vocabulary.
        """
        if self.lower:
            text = text.lower()
        # A byte of a command line that is no UTF-8 is a lone surrogate here: an unseen character.
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        known = np.frombuffer(self.symbols.encode("utf-32-le"), np.uint32)
        order = np.argsort(known)
        place = np.minimum(np.searchsorted(known[order], codes), len(known) - 1)
        found = order[place]
        strange = known[found] != codes
        if strange.any():
            which = sorted({chr(code) for code in codes[strange].tolist()})
            raise Mistake(
                f"{whose} has characters that the model has never seen: "
                f"{', '.join(map(repr, which[:10]))}. It knows {shown(self.symbols)}"
            )
        return found.astype(np.uint16)

    def decode(self, numbers: np.ndarray) -> str:
        """The text of numbers, `[characters]`."""
        return "".join(self.symbols[number] for number in np.asarray(numbers).tolist())

    def digest(self) -> str:
        """SHA-256 (hex) of the characters in order, and of whether text is made lower-case."""
        return hashlib.sha256(f"{int(self.lower)}{self.symbols}".encode()).hexdigest()


def vocabulary_of(text: str, lower: bool = False) -> Vocabulary:
    """The characters of a text in the order of their code points.

    Args:
        text: all that is to be read, validation and test included: which characters a text has is
            known of it beforehand.
        lower: whether it is made lower-case.
    """
    return Vocabulary("".join(sorted(set(text.lower() if lower else text))), lower)


def shown(symbols: str) -> str:
    """Characters as a person reads them: each in quotes, control characters spelled."""
    return " ".join(map(repr, symbols))

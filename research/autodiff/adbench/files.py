"""Input files of ADBench: numbers with spaces and line ends between them, sizes before all else.

Source: github.com/microsoft/ADBench (MIT), docs/FileFormat.md.
"""

from __future__ import annotations

import numpy as np

from research.engine.own_files import read_bytes
from research.errors import Mistake


class Numbers:
    """The numbers of a file, taken one block after another."""

    def __init__(self, path: str) -> None:
        """Reads all of them.

        Raises:
            Mistake: the file cannot be read, or something in it is no finite number.
        """
        text = read_bytes(path).decode("utf-8", "replace")
        self.path = path
        self._at = 0
        try:
            self._numbers = np.array(text.split(), np.float64)
        except ValueError:
            raise Mistake(_not_a_number(path, text)) from None
        if not np.isfinite(self._numbers).all():
            raise Mistake(_not_a_number(path, text))

    @property
    def left(self) -> int:
        """How many have not been taken yet."""
        return len(self._numbers) - self._at

    def take(self, what: str, *shape: int) -> np.ndarray:
        """The next numbers, float64 of a shape.

        Raises:
            Mistake: there are not as many left.
        """
        count = int(np.prod(shape))
        if count > self.left:
            raise Mistake(
                f"{self.path} ends too early: {what} would be {count} numbers, and {self.left} "
                f"are left; is it an input file of this problem?"
            )
        self._at += count
        return self._numbers[self._at - count : self._at].reshape(shape)

    def take_counts(self, *names: str, at_least: int = 1) -> list[int]:
        """The next numbers as sizes, one for each name.

        Raises:
            Mistake: one is not whole, or is too small.
        """
        found = self.take(" and ".join(names), len(names)).tolist()
        for name, value in zip(names, found, strict=True):
            if not value.is_integer() or not at_least <= value < 2**31:
                raise Mistake(
                    f"{self.path}: {name} must be a whole number of at least {at_least}, "
                    f"not {value:g}"
                )
        return [int(value) for value in found]

    def end(self) -> None:
        """All numbers have been taken.

        Raises:
            Mistake: some are left.
        """
        if self.left:
            raise Mistake(f"{self.path} goes on after its end: {self.left} numbers too many")


def _not_a_number(path: str, text: str) -> str:
    for number, line in enumerate(text.split("\n"), 1):
        for word in line.split():
            try:
                if np.isfinite(np.float64(word)):
                    continue
            except ValueError:
                pass
            return f"{path}, line {number}: {word[:20]!r} is no finite number"
    raise AssertionError("all are numbers")

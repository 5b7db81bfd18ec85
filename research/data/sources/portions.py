"""Portions of a source: its first examples, the rest, or random shares to train and to test on."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from research.data.columns import Columns
from research.data.order import LARGEST, permute_on_host
from research.data.sources.wrapping import digest_of, require_inside
from research.engine.experiment import Source
from research.errors import Mistake


@dataclasses.dataclass(frozen=True, eq=False)
class Portion:
    """Some consecutive examples of a source, in the order of the source or in a shuffled one.

    Attributes:
        source: what is read.
        start: the first of them: how many come before it, or (a float) what share.
        stop: the one after the last; None for the end.
        seed: of a permutation of all examples, of which this is a portion; None for the order of
            the source. Portions of one seed that do not overlap have no example in common.
    """

    source: Source
    start: int | float = 0
    stop: int | float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for place in (self.start, self.stop or 0):
            if place < 0 or (isinstance(place, float) and place > 1):
                raise ValueError(f"a portion begins and ends at a count or a share, not {place}")

    @property
    def name(self) -> str:
        """`houses.csv (CSV) [.8 to .9, shuffled by 0]`."""
        stop = "the end" if self.stop is None else self.stop
        shuffled = "" if self.seed is None else f", shuffled by {self.seed}"
        return f"{self.source.name} [{self.start} to {stop}{shuffled}]"

    @functools.cached_property
    def _bounds(self) -> tuple[int, int]:
        count = len(self.source)
        start, stop = (
            round(place * count) if isinstance(place, float) else min(place, count)
            for place in (self.start, count if self.stop is None else self.stop)
        )
        if stop <= start:
            raise Mistake(f"{self.name}: of {count:,} examples none is in it")
        if self.seed is not None and count > LARGEST:
            raise Mistake(f"{self.name}: of {count:,} examples at most {LARGEST:,} can be shuffled")
        return start, stop

    def __len__(self) -> int:
        """The number of examples.

        Raises:
            Mistake: if it is none.
        """
        return self._bounds[1] - self._bounds[0]

    def load(self) -> Columns:
        """All examples of the portion; in the order of the source they are not copied."""
        whole, (start, stop) = self.source.load(), self._bounds
        chosen = slice(start, stop) if self.seed is None else self._rows(np.arange(len(self)))
        return {name: column[chosen] for name, column in whole.items()}

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`) of the portion, by random access.

        Raises:
            IndexError: if an index is out of range.
        """
        return self.source.read(self._rows(require_inside(self, index)))

    def _rows(self, index: np.ndarray) -> np.ndarray:
        places = index + self._bounds[0]
        if self.seed is None:
            return places
        return permute_on_host(self.seed, places, len(self.source))

    def digest(self) -> str:
        """That of the source with the place of the portion."""
        return digest_of((self.source,), "portion", *self._bounds, self.seed)


class Splits(NamedTuple):
    """What is trained on, chosen by, and measured once at the end."""

    train: Source
    validation: Source
    test: Source


def split(
    source: Source, validation: float = 0.1, test: float = 0.1, seed: int | None = 0
) -> Splits:
    """Random portions of a source, no example in two of them.

    Whatever belongs together, such as several pictures of one thing, must not be torn apart by
    chance: make files of each split, or leave out the shuffle, then.

    Args:
        source: what is split.
        validation: share of the examples.
        test: share of the examples.
        seed: another one splits otherwise; None leaves the order as it is, so that the last
            examples are those to test on.

    Raises:
        ValueError: if nothing is left to train on, or a share is none.
    """
    if min(validation, test) <= 0 or validation + test >= 1:
        raise ValueError(
            f"validation is {validation} and test {test}: each is a share above 0, and something "
            "must be left to train on"
        )
    begin, middle = round(1 - validation - test, 12), round(1 - test, 12)
    return Splits(
        Portion(source, 0, begin, seed),
        Portion(source, begin, middle, seed),
        Portion(source, middle, None, seed),
    )

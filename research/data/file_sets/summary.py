"""What the columns of a source hold: ranges, missing values, how many different ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from research.data.file_sets.plain import Tell
from research.data.formats.format import TEXT, Forms
from research.data.sources.kept import in_parts
from research.engine.experiment import Source

MOST = 100
"""Different values that are counted each; of more, only that there are more."""


class NoNumbers(NamedTuple):
    """Texts that spell no number, where a column could have held numbers.

    Attributes:
        times: how many.
        row: the number of the first example with one.
        first: that text.
    """

    times: int
    row: int
    first: bytes


class Summary(NamedTuple):
    """A column, over all examples.

    Attributes:
        low: the smallest number, or the fewest bytes of a text; None where there is none.
        high: the largest.
        missing: examples without a value: NaN in a number or anywhere in an array, an empty text.
        shortest: of examples that differ in shape, the smallest size along each axis.
        longest: the largest.
        counts: how often each value is there, the commonest first; None of arrays, and where there
            are more than `MOST` different ones.
        first: the first examples.
        no_numbers: of texts; None where there are none.
    """

    low: int | float | None
    high: int | float | None
    missing: int
    shortest: tuple[int, ...]
    longest: tuple[int, ...]
    counts: Mapping[Any, int] | None
    first: list[Any]
    no_numbers: NoNumbers | None


def summarise(source: Source, forms: Forms, examples: int, tell: Tell) -> dict[str, Summary]:
    """One pass over the columns of these forms.

    Args:
        source: read some examples at a time, in order.
        forms: of its columns.
        examples: how many of the first ones are kept.
        tell: shows how far it is.
    """
    tallies = {name: _Tally(forms[name] == TEXT, not forms[name].shape) for name in forms}
    first: dict[str, list[Any]] = {name: [] for name in forms}
    for start, columns in in_parts(source, f"looking at {source.name}", tell):
        for name, tally in tallies.items():
            tally.add(columns[name], start)
            first[name] += list(columns[name][: max(0, examples - start)])
    return {name: tally.summary(first[name]) for name, tally in tallies.items()}


class _Tally:
    """A column so far."""

    def __init__(self, is_text: bool, is_scalar: bool) -> None:
        self._is_text = is_text
        self._counts: Counter[Any] | None = Counter() if is_scalar else None
        self._bounds: list[Any] = []
        self._sizes: list[np.ndarray] = []
        self._missing = 0
        self._no_numbers: NoNumbers | None = None

    def add(self, column: np.ndarray, start: int) -> None:
        """Add the examples from the one of number `start` on."""
        if self._is_text:
            self._count(column)
            for row, text in enumerate(column, start):
                if text and not _is_number(text):
                    before = self._no_numbers or NoNumbers(0, row, text)
                    self._no_numbers = before._replace(times=before.times + 1)
            lengths = np.fromiter(map(len, column), int, len(column))
            self._missing += int((lengths == 0).sum())
            self._bound(lengths)
        elif column.dtype == object:
            sizes = np.array([value.shape for value in column])
            self._sizes = [np.min([*self._sizes[:1], *sizes], 0), np.max([*self._sizes, *sizes], 0)]
            self._missing += sum(bool(_gaps(value).any()) for value in column)
            self._bound(np.concatenate([value.reshape(-1) for value in column]))
        else:
            self._missing += int(_gaps(column).reshape(len(column), -1).any(axis=1).sum())
            self._count(column)
            self._bound(column.reshape(-1))

    def summary(self, first: list[Any]) -> Summary:
        """What there is to know of it."""
        low, high = (min(self._bounds), max(self._bounds)) if self._bounds else (None, None)
        shortest, longest = (tuple(each.tolist()) for each in self._sizes or [np.empty(0)] * 2)
        counts = dict(self._counts.most_common()) if self._counts is not None else None
        return Summary(low, high, self._missing, shortest, longest, counts, first, self._no_numbers)

    def _bound(self, values: np.ndarray) -> None:
        there = values[~_gaps(values)]
        if there.size:
            self._bounds += [there.min().item(), there.max().item()]
            self._bounds = [min(self._bounds), max(self._bounds)]

    def _count(self, column: np.ndarray) -> None:
        if self._counts is None:
            return
        if self._is_text:
            self._counts.update(column)
        else:
            values, times = np.unique(column[~_gaps(column)], return_counts=True)
            self._counts.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
        if len(self._counts) > MOST:
            self._counts = None


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _gaps(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)

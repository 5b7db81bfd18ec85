"""Marks in the annotation of a field: its range, and other kinds."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

INT32 = 2**31 - 1
"""The largest whole number that an array of int32 holds."""
PATH: Final = object()
"""In the annotation of an option: it names a place, in which `~` is a home folder."""


class RunOf(NamedTuple):
    """In the annotation of a word: it names another run, whose state the experiment is given.

    What may stand there, `research.runs.other_runs` says; "" is no run.

    Attributes:
        experiment: what it must be a run of; "" for any.
        same_data: whether it must have learned from a data set that this experiment has, too.
    """

    experiment: str = ""
    same_data: bool = False


STATIC: Final = object()
"""In the annotation of a float: `make` is given its value, and a population cannot vary it."""


FIXED: Final = object()
"""In the annotation of a field that is no option, and in no digest: an experiment's file gives it,
such as the kind of its net, and the experiment's name stands for it."""


class Since(NamedTuple):
    """In the annotation of a field that is newer than recorded runs of its class.

    At its neutral value it is no part of what a run is: its digest is that of a run made before
    there was such a field.

    Attributes:
        neutral: the value at which everything is as before.
    """

    neutral: Any


class Divides(NamedTuple):
    """In the annotation of a number of parts: fields that must divide into as many equal parts.

    Attributes:
        wholes: names of these fields.
    """

    wholes: tuple[str, ...]


class Range(NamedTuple):
    """The values from `low` to `high`, both allowed; only finite ones.

    Attributes:
        low: the smallest value.
        high: the largest value, or the name of a field that holds it.
        above: whether `low` itself is too small.
        below: whether `high` itself is too large.
    """

    low: float = -math.inf
    high: float | str = math.inf
    above: bool = False
    below: bool = False

    @property
    def most(self) -> int:
        """The largest whole number that an option takes: of int32, or more where it is in range."""
        return int(self.high) if isinstance(self.high, int) and self.high > INT32 else INT32

    def holds(self, value: float) -> bool:
        """Whether `value` is in range."""
        assert not isinstance(self.high, str), "a bound that is a field has a value in a config"
        low = value > self.low if self.above else value >= self.low
        high = value < self.high if self.below else value <= self.high
        return math.isfinite(value) and low and high

    def __str__(self) -> str:
        """`at least 1`, `above 0 and at most 45`."""
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.above else 'at least'} {_spell(self.low)}")
        if self.high != math.inf:
            high = flag(self.high) if isinstance(self.high, str) else _spell(self.high)
            bounds.append(f"{'below' if self.below else 'at most'} {high}")
        return " and ".join(bounds) or "finite"

    def problems(self, name: str, config: Any) -> list[str]:
        """A message where the value of a field is not in range, nor None.

        Each number of a tuple must be in range.
        """
        value, allowed, whose = getattr(config, name), self, ""
        if isinstance(self.high, str):
            allowed, whose = self._replace(high=getattr(config, self.high)), flag(self.high)
        parts = value if isinstance(value, tuple) else (value,)
        if all(part is None or allowed.holds(part) for part in parts):
            return []
        spelled = ",".join(map(str, parts))
        return [f"{flag(name)} must be {allowed}{whose and f' ({whose})'}, not {spelled}"]


def _spell(bound: float) -> str:
    return f"{bound:g}" if float(f"{bound:g}") == bound else str(bound)


def flag(field: str) -> str:
    """The option that sets a field, as typed: `--batch-size`."""
    return f"--{field.rstrip('_').replace('_', '-')}"


COUNT = Range(1)
"""A number of things, at least one."""
POSITIVE = Range(0, above=True)
"""More than nothing."""
AMOUNT = Range(0)
"""Nothing, or more."""
DEPTH = Range(1, 1000)
"""Layers, each of which is traced and compiled by itself."""
STEPS = Range(1, 10_000)
"""Calls of a net for one batch of images, which the device makes in one go."""
FRACTION = Range(0, 1, below=True)
"""From 0 to less than 1."""
SEED = Range(0, 2**32 - 1)
"""What a uint32 holds."""


def undivided(parts: str, config: Any, *wholes: str) -> list[str]:
    """One message for each field of `config` that does not divide into as many equal parts."""
    number = getattr(config, parts)
    if number < 1:
        return []
    return [
        f"{flag(parts)} must divide {flag(whole)} ({getattr(config, whole)}): {number} does not"
        for whole in wholes
        if getattr(config, whole) > 0 and getattr(config, whole) % number
    ]

"""Which values of a config are in range, and what is said of those that are not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

INT32 = 2**31 - 1
"""The largest whole number that an array of int32 holds."""
PATH: Final = object()
"""In the annotation of an option: it names a place, in which `~` is a home folder."""


class Most(NamedTuple):
    """In the annotation of an option: the largest whole number that it takes, if not `INT32`.

    Attributes:
        value: that number.
    """

    value: int


ANY_SEED = Most(2**63 - 1)
"""Of seeds, which the commands hold against their own range."""


class Range(NamedTuple):
    """The values from `low` to `high`, both allowed; only finite ones.

    Attributes:
        low: the smallest value.
        high: the largest value.
        above: whether `low` itself is too small.
        below: whether `high` itself is too large.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        """Whether `value` is in range."""
        low = value > self.low if self.above else value >= self.low
        high = value < self.high if self.below else value <= self.high
        return math.isfinite(value) and low and high

    def __str__(self) -> str:
        """`at least 1`, `above 0 and at most 45`."""
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.above else 'at least'} {self.low:g}")
        if self.high < math.inf:
            bounds.append(f"{'below' if self.below else 'at most'} {self.high:g}")
        return " and ".join(bounds) or "finite"


COUNT = Range(1)
"""A number of things, at least one."""
POSITIVE = Range(0, above=True)
"""More than nothing."""
AMOUNT = Range(0)
"""Nothing, or more."""
DEPTH = Range(1, 1000)
"""Layers, each of which is traced and compiled by itself."""
FRACTION = Range(0, 1, below=True)
"""From 0 to less than 1."""


def out_of_range(config: Any, ranges: Mapping[str, Range]) -> list[str]:
    """One message for each field of `config` whose value is not in its range.

    Args:
        config: has an attribute for each name.
        ranges: field -> range.
    """
    return [
        f"--{name.replace('_', '-')} must be {allowed}, not {getattr(config, name)}"
        for name, allowed in ranges.items()
        if not allowed.holds(getattr(config, name))
    ]


def undivided(parts: str, config: Any, *wholes: str) -> list[str]:
    """One message for each field of `config` that does not divide into as many equal parts.

    Args:
        parts: the field that holds their number, itself at least 1.
        config: has an attribute for each name.
        wholes: fields that are divided.
    """
    number = getattr(config, parts)
    if number < 1:
        return []
    option, *others = (f"--{name.replace('_', '-')}" for name in (parts, *wholes))
    return [
        f"{option} must divide {other} ({getattr(config, whole)}): {number} does not"
        for whole, other in zip(wholes, others, strict=True)
        if getattr(config, whole) > 0 and getattr(config, whole) % number
    ]

"""What a sweep is: experiment, space, method, seeds and fixed values; and where it lies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from research.engine.selection import headline, larger_is_better

SWEEPS = "sweeps"
"""The folder of a runs directory that holds sweeps; runs lie one level higher and never in it."""


class Plan(NamedTuple):
    """What makes two sweeps the same sweep. How many trials it has is no part of it.

    Attributes:
        experiment: full name.
        method: `grid`, `random` or `optimize`.
        space: field -> its domain as typed.
        fixed: the config that all trials share, as JSON values, without the space's fields.
        seed: the first seed of each point.
        seeds: how many seeds each point has.
        sampling_seed: of a random or guided search; 0 for a grid.
        metric: what a guided search optimises, "" for the others.
        direction: `minimize` or `maximize`, "" for the others.
        pruning: whether trials without prospect are cut short.
    """

    experiment: str
    method: str
    space: dict[str, str]
    fixed: dict[str, Any]
    seed: int
    seeds: int
    sampling_seed: int
    metric: str
    direction: str
    pruning: bool

    @property
    def digest(self) -> str:
        """12 hex digits of SHA-256 over canonical JSON of all fields."""
        canonical = json.dumps(
            self._asdict(), sort_keys=True, separators=(",", ":"), allow_nan=False
        )
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def directory(self, runs_dir: Path) -> Path:
        """Where the sweep lies: the same command finds its own sweep."""
        return runs_dir / SWEEPS / self.experiment / self.digest

    def spell(self) -> str:
        """The content of `sweep.json`."""
        return (
            json.dumps({**self._asdict(), "digest": self.digest}, indent=2, sort_keys=True) + "\n"
        )


def direction_of(metric: str) -> str:
    """`minimize` or `maximize`, by the metric's name; "" where the name does not tell."""
    larger = larger_is_better(metric)
    return "" if larger is None else "maximize" if larger else "minimize"


def is_test(metric: str) -> bool:
    """Whether the metric is measured on the test set, by which nothing should be chosen."""
    return metric.split("/")[0] == "test"


def default_metric(names: list[str], selected: str = "", named: str = "") -> str:
    """What trials are ranked by where nothing was said: never a figure of the test set.

    Args:
        names: the metrics that the experiment reports.
        selected: the metric by which the experiment itself chooses its best state, or "".
        named: its `headline`, or "".
    """
    if selected in names:
        return selected
    known = (name for name in names if direction_of(name) and not is_test(name))
    return headline(known, named) or ""

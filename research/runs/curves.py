"""The courses of figures over several seeds: their mean with its interval, and which to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from research.engine.result import quantile
from research.engine.selection import SPLITS, headline, matching
from research.runs.run import Curve, Member


class Band(NamedTuple):
    """A curve with its interval, float64 `[steps]`; `half` is NaN where it is not known."""

    steps: np.ndarray
    mean: np.ndarray
    half: np.ndarray


def band(curves: Sequence[Curve]) -> Band:
    """The mean of curves at each step, with its interval (Student's t).

    A step counts where every curve that reaches so far has a value or an empty interval: runs
    that report at different steps would otherwise make a line that jumps between them.

    Args:
        curves: at least one.
    """
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    table = np.full((len(curves), len(steps)), np.nan)
    kept = np.ones(len(steps), bool)
    for row, curve in zip(table, curves, strict=True):
        there = np.isin(steps, curve.steps)
        row[there] = curve.values
        kept &= there | (steps > curve.steps[-1])
    table, steps = table[:, kept], steps[kept]
    known = np.isfinite(table)
    count = known.sum(axis=0)
    safe = np.maximum(count, 1)
    mean = np.where(known, table, 0.0).sum(axis=0) / safe
    half = np.full(len(steps), np.nan)
    if (count > 1).any():  # Scipy takes half a second, which a run of one seed does without.
        several = np.maximum(count, 2)
        squares = np.where(known, (table - mean) ** 2, 0.0).sum(axis=0)
        error = np.sqrt(squares / (several - 1) / several)
        half = np.where(count > 1, quantile(several) * error, np.nan)
    return Band(steps, np.where(count > 0, mean, np.nan), half)


def course_name(metric: str, members: Iterable[Member]) -> str | None:
    """The figure whose course goes with a final one: itself, else the nearest that has a course.

    Test figures are mostly measured once, at the end: their kind on other data shows the way
    there, and where there is none the figure that matters most.
    """
    courses: dict[str, None] = {}
    for member in members:
        courses |= dict.fromkeys(
            name for name, curve in member.curves.items() if np.isfinite(curve.values).sum() > 1
        )
    short = metric.rpartition("/")[2]
    same = matching(metric, courses) or [n for n in matching(short, courses) if n != metric]
    known = [name for name in courses if name.partition("/")[0] in SPLITS] or courses
    return same[0] if same else headline(known)

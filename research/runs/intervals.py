"""Intervals of figures over seeds: along a curve, and cut at what the figure can be.

Student's interval takes figures as normal, which have no bounds; near one it is cut there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from research.engine.result import quantile
from research.engine.selection import SPLITS, headline, matching

if TYPE_CHECKING:
    import numpy as np

    from research.runs.run import Curve, Member

Bounds = tuple[float, float]

UNBOUNDED: Bounds = (-math.inf, math.inf)
SHARES = ("accuracy", "whole", "symbols_right", "success_rate", "f1", "auc")
"""Kinds of figure that are shares: from 0 to 1."""
DISTANCES = ("mse", "mae", "rmse", "perplexity", "episode_length", "longest_episode", "episodes")
"""Kinds of figure that are never negative."""
RETURNS: dict[str, Bounds] = {
    "Acrobot-v1": (-500.0, 0.0),
    "Asterix-MinAtar": (0.0, math.inf),
    "Breakout-MinAtar": (0.0, math.inf),
    "CartPole-v1": (0.0, 500.0),
    "Catch-bsuite": (-1.0, 1.0),
    "Freeway-MinAtar": (0.0, math.inf),
    "FrozenLake4x4-finite": (0.0, 1.0),
    "FrozenLake8x8-finite": (0.0, 1.0),
    "MountainCar-v0": (-200.0, 0.0),
    "MountainCarContinuous-v0": (-math.inf, 100.0),
    "Pendulum-v1": (-math.inf, 0.0),
    "SpaceInvaders-MinAtar": (0.0, math.inf),
}
"""Environment -> what an episode's return can be, by its rewards and its longest episode."""
_RETURN = "episode_return"


class Ends(NamedTuple):
    """Of an interval, as far as its bounds let it reach.

    Attributes:
        low: the lower end, a number or an array.
        high: the upper end.
        cut: whether a bound lies within the interval.
    """

    low: Any
    high: Any
    cut: bool


def ends_of(mean: Any, half: Any, bounds: Bounds) -> Ends:
    """The ends of `mean ± half`, numbers or float arrays of one shape; NaN stays NaN."""
    import numpy as np

    low, high = mean - half, mean + half
    beyond = (low < bounds[0]) | (high > bounds[1])
    return Ends(np.maximum(low, bounds[0]), np.minimum(high, bounds[1]), bool(np.any(beyond)))


def bounds_of(name: str, config: Mapping[str, Any]) -> Bounds:
    """The least and the greatest that a figure can be; infinite where that is not known.

    Args:
        name: `test/accuracy`.
        config: of the run; its `environment` says what returns can be.
    """
    short = name.rpartition("/")[2]

    def is_a(kind: str) -> bool:
        return short == kind or short.endswith(f"_{kind}")

    if is_a(_RETURN):
        return RETURNS.get(str(config.get("environment", "")).partition(":")[0], UNBOUNDED)
    if any(map(is_a, SHARES)):
        return 0.0, 1.0
    return (0.0, math.inf) if any(map(is_a, DISTANCES)) else UNBOUNDED


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
    import numpy as np

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
    import numpy as np

    courses: dict[str, None] = {}
    for member in members:
        courses |= dict.fromkeys(
            name for name, curve in member.curves.items() if np.isfinite(curve.values).sum() > 1
        )
    short = metric.rpartition("/")[2]
    same = matching(metric, courses) or [n for n in matching(short, courses) if n != metric]
    known = [name for name in courses if name.partition("/")[0] in SPLITS] or courses
    return same[0] if same else headline(known)

"""What a figure can be at most and at least: an interval beyond that says nothing.

Student's interval takes figures as normal, which have no bounds; near one it is cut there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

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

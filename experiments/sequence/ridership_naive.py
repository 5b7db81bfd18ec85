"""Each day is as the same day a week before: the forecast of ridership that others are to beat.

Boardings of Chicago's trains, a day ahead (Géron's chapter 15, third edition). Figures are in
boardings. Validation is the 95 days of spring 2019 that 56 known days come before (the book's
43,442 on them is of buses); the test days go on through the pandemic, of which no net has learned.

Run: python launch.py run sequence/ridership_naive
Expected: validation mae 41,274, test 28,936
Time: 1 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import Naive
from research.sequence.forecasts.ridership import WEEK
from research.sequence.forecasts.ridership_config import (
    RidershipConfig,
    make_ridership,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RidershipConfig):
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training days: there is nothing to learn"] = 0


def make(config: Config) -> Experiment:
    """The value of the same day a week before."""
    return make_ridership(config, Naive(config.horizon, season=WEEK))

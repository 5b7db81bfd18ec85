"""A recurrent layer forecasts ridership of the next fourteen days from each day of eight weeks.

Boardings of Chicago's trains (Géron's chapter 15, third edition), sequence to sequence: the loss is
that of the fourteen days after each day; judged are those after the last alone. Each day's inputs
are rail and bus boardings and the kind of day that comes next. The checkpoint with the lowest
validation error is reported.

Run: python launch.py run sequence/ridership_two_weeks
Expected: validation mae 28,100 (31,385 in Géron, 3rd edition, chapter 15), test 230,000
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import ForecastNet, Recurrent
from research.sequence.forecasts.ridership_config import (
    RecurrentRidershipConfig,
    make_ridership,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentRidershipConfig):
    """What can be chosen."""

    horizon: Annotated[int, "days that are forecast"] = 14
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 1e-2


def make(config: Config) -> Experiment:
    """Recurrent layers over all inputs, each day's output, a linear layer."""
    body = Recurrent("simple", (config.units,) * config.layers, every=True)
    return make_ridership(config, ForecastNet(body, config.horizon), calendar=True)

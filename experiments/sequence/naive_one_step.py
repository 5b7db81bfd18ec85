"""That nothing changes: the forecast that others are to beat.

Noisy sums of two sines (Géron's chapter 15), 50 values of which are known; the last of them is the
forecast of the next. Nothing is learned.

Run: python launch.py run sequence/naive_one_step
Expected: test mse .0207 (G2 ch15: .0202)
Time: 1 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import Naive
from research.sequence.forecasts.forecasting_config import (
    ForecastingConfig,
    make_forecaster,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(ForecastingConfig):
    """What can be chosen."""

    horizon: Annotated[int, "values that are forecast"] = 1
    epochs: Annotated[int, "passes over the training series: there is nothing to learn"] = 0


def make(config: Config) -> Experiment:
    """The last value."""
    return make_forecaster(config, Naive(config.horizon))

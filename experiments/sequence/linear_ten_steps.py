"""A linear regression forecasts the next ten values of a noisy series.

Noisy sums of two sines (Géron's chapter 15): ten values from the 50 before them, by 510 parameters.

Run: python launch.py run sequence/linear_ten_steps
Expected: test mse .0179 over 5 seeds (G2 ch15: .0187)
Time: 1 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import ForecastNet, Linear
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

    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 2e-3


def make(config: Config) -> Experiment:
    """A linear layer over the window."""
    return make_forecaster(config, ForecastNet(Linear(), config.horizon, interval=config.interval))

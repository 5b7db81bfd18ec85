"""Two layers of twenty simple recurrent neurons and a linear forecast.

Noisy sums of two sines (Géron's chapter 15). What the second layer knows at the window's end is all
that the forecast is made of.

Run: python launch.py run sequence/rnn_dense_one_step
Expected: test mse .0018 over 5 seeds (G2 ch15: .0026)
Time: 3 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import ForecastNet, Recurrent
from research.sequence.forecasts.forecasting_config import (
    RecurrentForecastingConfig,
    make_forecaster,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentForecastingConfig):
    """What can be chosen."""

    horizon: Annotated[int, "values that are forecast"] = 1


def make(config: Config) -> Experiment:
    """Simple recurrent layers, the last step's output, a linear layer."""
    body = Recurrent("simple", (config.units,) * config.layers)
    return make_forecaster(config, ForecastNet(body, config.horizon, interval=config.interval))

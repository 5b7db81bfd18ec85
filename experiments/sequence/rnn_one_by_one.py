"""A net that forecasts one value is fed with its own forecasts for ten.

Noisy sums of two sines (Géron's chapter 15). It learns from the value after the window alone; its
errors add up, and its interval, made for one step, is too narrow for ten: see `coverage`.

Run: python launch.py run sequence/rnn_one_by_one
Expected: test mse .0142 over 5 seeds (G2 ch15: .0275)
Time: 3 s
"""

from __future__ import annotations

from dataclasses import dataclass

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


def make(config: Config) -> Experiment:
    """Simple recurrent layers that say one value."""
    body = Recurrent("simple", (config.units,) * config.layers)
    return make_forecaster(config, ForecastNet(body, 1, interval=config.interval), one_by_one=True)

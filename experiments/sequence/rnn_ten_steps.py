"""Simple recurrent layers forecast ten values at once, at the window's end.

Noisy sums of two sines (Géron's chapter 15). Sequence to vector: the loss is that of the ten values
after the window alone.

Run: python launch.py run sequence/rnn_ten_steps
Expected: test mse .0033 over 5 seeds (G2 ch15: .0085)
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
    """Simple recurrent layers, the last step's output, a linear layer."""
    body = Recurrent("simple", (config.units,) * config.layers)
    return make_forecaster(config, ForecastNet(body, config.horizon, interval=config.interval))

"""Long short-term memory, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence, two layers of twenty cells
(Hochreiter and Schmidhuber 1997, with forget gates).

Run: python launch.py run sequence/lstm_ten_steps
Expected: test mse .0024 over 5 seeds (G2 ch15: .0086)
Time: 8 s
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
    """LSTM layers, each step's output, a linear layer."""
    body = Recurrent("lstm", (config.units,) * config.layers, every=True)
    return make_forecaster(config, ForecastNet(body, config.horizon, interval=config.interval))

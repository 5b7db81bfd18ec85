"""Simple recurrent layers forecast ten values at every step of the window.

Noisy sums of two sines (Géron's chapter 15). Sequence to sequence: the loss is that of the ten
values after each step, so that gradients come from everywhere; judged is the last alone.

Run: python launch.py run sequence/sequence_rnn_ten_steps
Expected: test mse .0048 over 5 seeds (G2 ch15: .0096, best shown .0058)
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
    """Simple recurrent layers, each step's output, a linear layer."""
    body = Recurrent("simple", (config.units,) * config.layers, every=True)
    return make_forecaster(config, ForecastNet(body, config.horizon, interval=config.interval))

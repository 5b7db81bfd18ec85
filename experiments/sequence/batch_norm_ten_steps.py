"""Batch normalisation between recurrent layers, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. What one layer tells the next is
normalised over batch and time (Laurent et al. 2016); it does not help such small nets much.

Run: python launch.py run sequence/batch_norm_ten_steps
Expected: test mse .0052 over 5 seeds (G2 ch15: .0164)
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
    """Simple recurrent layers with batch normalisation between them."""
    body = Recurrent(
        "simple", (config.units,) * config.layers, every=True, batch_normalisation=True
    )
    return make_forecaster(config, ForecastNet(body, config.horizon, interval=config.interval))

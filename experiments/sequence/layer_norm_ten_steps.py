"""Layer normalisation inside the recurrent neurons, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. The sum that each step's tanh is
given is normalised over units (Ba et al. 2016).

Run: python launch.py run sequence/layer_norm_ten_steps
Expected: test mse .0058 over 5 seeds (G2 ch15: .0121)
Time: 4 s
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
    """Simple recurrent layers with layer normalisation in the cell."""
    body = Recurrent("normalised_simple", (config.units,) * config.layers, every=True)
    return make_forecaster(config, ForecastNet(body, config.horizon, interval=config.interval))

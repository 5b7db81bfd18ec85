"""A single recurrent neuron forecasts the next value of a noisy series.

Noisy sums of two sines (Géron's chapter 15): tanh(w x + v h + b), three parameters, whose last
output is the forecast.

Run: python launch.py run sequence/neuron_one_step
Expected: test mse .0112 over 5 seeds (G2 ch15: .0109)
Time: 1 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import ForecastNet, Recurrent
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


def make(config: Config) -> Experiment:
    """One neuron."""
    net = ForecastNet(
        Recurrent("simple", (config.horizon,)),
        config.horizon,
        direct=True,
        interval=config.interval,
    )
    return make_forecaster(config, net)

"""Two layers of twenty simple recurrent neurons, and a last one that forecasts.

Noisy sums of two sines (Géron's chapter 15). The last layer is recurrent too: its output is the
forecast, and cannot leave -1 to 1.

Run: python launch.py run sequence/rnn_one_step
Expected: test mse .0023 over 5 seeds (G2 ch15: .0029)
Time: 4 s
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
    """Simple recurrent layers alone."""
    units = (config.units,) * config.layers + (config.horizon,)
    net = ForecastNet(
        Recurrent("simple", units), config.horizon, direct=True, interval=config.interval
    )
    return make_forecaster(config, net)

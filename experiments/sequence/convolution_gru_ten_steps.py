"""A convolution halves the series for gated recurrent units, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. The convolution sees four values
and moves by two, so that the recurrent layers make half the steps.

Run: python launch.py run sequence/convolution_gru_ten_steps
Expected: test mse .0025 over 5 seeds (G2 ch15: .0080)
Time: 4 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.options.ranges import COUNT, out_of_range
from research.sequence.forecasts import forecasting_config
from research.sequence.forecasts.forecast_net import ForecastNet, Recurrent
from research.sequence.forecasts.forecasting_config import (
    RecurrentForecastingConfig,
    make_forecaster,
    smoke,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentForecastingConfig):
    """What can be chosen."""

    filters: Annotated[int, "of the convolution"] = 20


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    return forecasting_config.validate(config) + out_of_range(config, {"filters": COUNT})


def make(config: Config) -> Experiment:
    """A convolution, GRU layers, a linear layer at every second step."""
    body = Recurrent("gru", (config.units,) * config.layers, every=True, filters=config.filters)
    return make_forecaster(
        config, ForecastNet(body, config.horizon, interval=config.interval), stride=2
    )

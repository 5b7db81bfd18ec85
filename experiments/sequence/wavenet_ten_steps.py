"""A WaveNet: causal convolutions whose dilation doubles, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. No step waits for another: it
sees far by eight layers of two steps each.

Run: python launch.py run sequence/wavenet_ten_steps
Expected: test mse .0047 over 5 seeds (G2 ch15: .0072)
Time: 5 s
"""

from __future__ import annotations

from dataclasses import dataclass

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import ForecastNet, Waves
from research.sequence.forecasts.forecasting_config import (
    WaveForecastingConfig,
    make_forecaster,
    smoke,
    validate,
)
from research.sequence.time_convolution import WaveNet

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(WaveForecastingConfig):
    """What can be chosen."""


def make(config: Config) -> Experiment:
    """Dilated causal convolutions."""
    net = WaveNet(config.filters, config.dilations)
    return make_forecaster(
        config, ForecastNet(Waves(net), config.horizon, interval=config.interval)
    )

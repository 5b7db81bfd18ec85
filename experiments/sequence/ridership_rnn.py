"""A simple recurrent layer reads eight weeks and forecasts the next day's ridership.

Boardings of Chicago's trains, a day ahead from 56 (Géron's chapter 15, third edition), 32 units.
The checkpoint with the lowest validation error is reported, as in the book.

Run: python launch.py run sequence/ridership_rnn
Expected: validation mae 26,900 (29,015 in Géron, 3rd edition, chapter 15), test 96,000
Time: 5 s
"""

from __future__ import annotations

from dataclasses import dataclass

from research.engine.experiment import Experiment
from research.sequence.forecasts.forecast_net import ForecastNet, Recurrent
from research.sequence.forecasts.ridership_config import (
    RecurrentRidershipConfig,
    make_ridership,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentRidershipConfig):
    """What can be chosen."""


def make(config: Config) -> Experiment:
    """Recurrent layers, the last day's output, a linear layer."""
    body = Recurrent("simple", (config.units,) * config.layers)
    return make_ridership(config, ForecastNet(body, config.horizon))

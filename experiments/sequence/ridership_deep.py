"""Three simple recurrent layers forecast the next day's ridership.

Boardings of Chicago's trains, a day ahead from 56 (Géron's chapter 15, third edition), three layers
of 32 units. The checkpoint with the lowest validation error is reported, as in the book.

Run: python launch.py run sequence/ridership_deep
Expected: validation mae 26,400 (31,211 in Géron, 3rd edition, chapter 15), test 36,000 to 480,000
Time: 25 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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

    epochs: Annotated[int, "passes over the training windows"] = 100
    layers: Annotated[int, "recurrent layers"] = 3


def make(config: Config) -> Experiment:
    """Recurrent layers, the last day's output, a linear layer."""
    body = Recurrent("simple", (config.units,) * config.layers)
    return make_ridership(config, ForecastNet(body, config.horizon))

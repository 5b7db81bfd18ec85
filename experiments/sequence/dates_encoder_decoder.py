"""An LSTM reads a date letter by letter; another writes it anew from its last state alone.

"April 22, 2019" becomes "2019-04-22" (Géron's chapter 16, exercise 9): random days of the years
1000 to 9999, 10,000 for training, 2,000 each for validation and test, no day twice. The net learns
with the true characters before each, and is judged without: `whole` is the share of dates that it
writes without a fault, each character the likeliest, and `symbols_right` that of their characters.

Run: python launch.py run sequence/dates_encoder_decoder
Expected: test whole 1.0000
Time: 30 s
"""

from __future__ import annotations

from dataclasses import dataclass

from research.engine.experiment import Experiment, Needs
from research.sequence.translations.date_config import (
    DateConfig,
    make_date_translation,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(DateConfig):
    """What can be chosen."""


def make(config: Config, needs: Needs | None = None) -> Experiment:
    """LSTMs that read and write dates."""
    return make_date_translation(config, "none", needs)

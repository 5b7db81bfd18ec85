"""An LSTM reads an English sentence from both ends; another writes it in Spanish.

One layer of 256 units each (the book: 512), half of the encoder's from either end; no attention.
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --units 512 --epochs 10 --longest 50.

Run: python launch.py run sequence/translate_bidirectional
Expected: validation accuracy .613 over 3 seeds (G3 ch16, twice the units, 10 passes: .698)
Time: 4 min
"""

from __future__ import annotations

from dataclasses import dataclass

from research.engine.experiment import Experiment, Needs
from research.sequence.translations.translation_config import (
    RecurrentTranslationConfig,
    make_recurrent,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentTranslationConfig):
    """What can be chosen."""


def make(config: Config, needs: Needs | None = None) -> Experiment:
    """LSTMs without attention, the first one bidirectional."""
    return make_recurrent(config, "none", needs, bidirectional=True)

"""LSTMs translate English to Spanish; each state chooses what to read before the next word.

One layer of 256 units each (the book: 512), 128 of the encoder's from either end; additive
attention, a part of the decoder's input (Bahdanau et al. 2015).
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --units 512 --epochs 10 --longest 50.

Run: python launch.py run sequence/translate_bahdanau
Expected: validation accuracy .697, one seed (G3 ch16: .711, twice the units, five times the passes)
Time: 7 min
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
    """LSTMs with additive attention, the first one bidirectional."""
    return make_recurrent(config, "additive", needs, bidirectional=True)

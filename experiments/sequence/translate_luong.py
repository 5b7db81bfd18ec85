"""LSTMs translate English to Spanish; each state chooses what to read on the way to its word.

One layer of 256 units each (the book: 512), 128 of the encoder's from either end; multiplicative
attention after the decoder, without input feeding (Luong et al. 2015).
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --units 512 --epochs 10, 69 min (and --longest 50, for one sentence in 600).

Run: python launch.py run sequence/translate_luong
Expected: validation accuracy .696 over 3 seeds; .732 at the book's size (G3 ch16: .711)
Time: 5 min
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
    """LSTMs with multiplicative attention, the first one bidirectional."""
    return make_recurrent(config, "multiplicative", needs, bidirectional=True)

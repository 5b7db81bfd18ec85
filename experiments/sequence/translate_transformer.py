"""A transformer of two blocks that read and two that write translates English to Spanish.

Of width 128, 8 heads, as the book has it, but for layers that are normalised before they are
computed and positions that are sinusoids (Vaswani et al. 2017).
118,964 pairs of sentences of tatoeba.org (`spa_eng`) are shuffled by a seed; the first 100,000 are
learned from, the others validated on (Géron's chapter 16). 1,000 words of each language, lower-case
and without punctuation, the four signs among them; sentences are cut to 20 words, as the book's are
to 50, which cuts one pair in 500. `accuracy` is the share of true words, the end among them, that
are the likeliest given the true words before. `bleu` and `chrf` are measured on what the net writes
alone for 1,000 validation sentences, against whole true ones. `translate` writes with it.
The book's size: --epochs 10 --longest 50.

Run: python launch.py run sequence/translate_transformer
Expected: validation accuracy .695 (seed 0), BLEU 23 (G3 ch16, five times the passes: .728)
Time: 5 min
"""

from __future__ import annotations

from dataclasses import dataclass

from research.engine.experiment import Experiment
from research.sequence.translations.translation_config import (
    TransformerTranslationConfig,
    make_transformer,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(TransformerTranslationConfig):
    """What can be chosen."""


def make(config: Config) -> Experiment:
    """A transformer."""
    return make_transformer(config)

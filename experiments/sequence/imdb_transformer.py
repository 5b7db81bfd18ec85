"""A small transformer reads a review of a film and says whether it is positive.

One block of attention, in which every word sees every other and knows where it is by rotation; the
mean of what it makes of the words that are there is judged. Learned from nothing, like the
others.

Run: python launch.py run sequence/imdb_transformer
Expected: test accuracy .856 over 3 seeds
Time: 1 min, after 10 s of reading words
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.judgement.sentiment_config import AttentionConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(AttentionConfig):
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training reviews"] = 3
    length: Annotated[int, "words of a review that are read"] = 128
    learning_rate: Annotated[float, "AdamW's step size at its highest, falling by cosine"] = 1e-3
    dropout_rate: Annotated[float, "share dropped of what one layer gives the next"] = 0.2

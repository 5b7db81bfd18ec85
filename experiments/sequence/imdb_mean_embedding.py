"""The mean of a review's embedded words says whether it is positive.

A bag of words whose weights go through 64 numbers a word, learned from nothing, and a mean over
the words that are there; padding is none. Half of what is embedded is dropped in training, and a
fifth of the words is hidden (taken for unknown). Géron's chapter 16 has .751 for such a net.

Run: python launch.py run sequence/imdb_mean_embedding
Expected: test accuracy .886
Time: 7 s, after 10 s of reading words
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.judgement.sentiment_config import MeanConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(MeanConfig):
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training reviews"] = 8
    length: Annotated[int, "words of a review that are read"] = 400

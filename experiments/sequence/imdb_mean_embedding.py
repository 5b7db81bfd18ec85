"""The mean of a review's embedded words judges it.

Run: python launch.py run sequence/imdb_mean_embedding
Expected: EXPECTED
Time: TIME
"""

from __future__ import annotations

from dataclasses import dataclass

from research.sequence.sentiment_config import MeanConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(MeanConfig):
    """What can be chosen."""

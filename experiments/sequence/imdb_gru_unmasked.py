"""The mean of a review's embedded words judges it.

Run: python launch.py run sequence/imdb_gru_unmasked
Expected: EXPECTED
Time: TIME
"""

from __future__ import annotations

from dataclasses import dataclass

from research.sequence.sentiment_config import RecurrentConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """What can be chosen."""

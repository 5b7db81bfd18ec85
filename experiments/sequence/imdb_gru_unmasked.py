"""A GRU that reads a review's padding like words forgets the review.

`imdb_gru`, but for the mask: after a review's last word it is shown the padding as if it were a
word, up to the 200th.

Run: python launch.py run sequence/imdb_gru_unmasked
Expected: EXPECTED
Time: TIME
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.sentiment_config import RecurrentConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """What can be chosen."""

    masked: Annotated[bool, "skip padding instead of reading it like words"] = False

"""Two GRUs read a review of a film, one of them backwards, and say whether it is positive.

`imdb_gru`, with a second layer beside it that reads from the last word to the first.

Run: python launch.py run sequence/imdb_bidirectional_gru
Expected: test accuracy .888
Time: 2 min, after 10 s of reading words
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.judgement.sentiment_config import RecurrentConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """What can be chosen."""

    bidirectional: Annotated[bool, "read backwards as well"] = True

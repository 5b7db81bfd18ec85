"""A weight for each word, and for each pair of neighbours, judges reviews of films.

Run: python launch.py run sequence/imdb_bag_of_words
Expected: EXPECTED
Time: TIME
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.sentiment_config import BagConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(BagConfig):
    """What can be chosen."""

    length: Annotated[int, "words of a review that are read"] = 600
    words: Annotated[int, "the commonest tokens of the training reviews, which are known"] = 10_000

"""A GRU reads a review of a film, skips its padding, and says whether it is positive.

Each word becomes 64 numbers that are learned from nothing; the GRU reads the last 200 words, for
a review ends with its verdict. Shorter ones are padded at their ends, and where there is padding
the memory stays what it is. `imdb_gru_unmasked` differs in that alone. Some words are hidden in
training (taken for unknown), and some of what is embedded is dropped: without these it learns its
reviews by heart in three epochs. Géron's chapter 16 has .855 to .870 with a mask and .50
without.

Run: python launch.py run sequence/imdb_gru
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

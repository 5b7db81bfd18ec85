"""A weight for each word and each pair of neighbours says whether a review is positive.

`imdb_bag_of_words` with the 200,000 commonest words and pairs of words that follow each other, so
that "not good" and "waste of" count for themselves (Wang and Manning 2012, "Baselines and Bigrams",
have .912 with Naive Bayes' weights to start from, .892 without). No order beyond that is seen, and
it is the best judge of these.

Run: python launch.py run sequence/imdb_bag_of_pairs
Expected: test accuracy .910
Time: 5 s, after 25 s of reading words and pairs
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.judgement.sentiment_config import BagConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(BagConfig):
    """What can be chosen."""

    length: Annotated[int, "words of a review that are read"] = 600
    words: Annotated[int, "the commonest tokens of the training reviews, which are known"] = 200_000
    longest: Annotated[int, "words in the longest stretch that counts as a token"] = 2
    word_dropout_rate: Annotated[float, "share of the tokens that are hidden in training"] = 0.0

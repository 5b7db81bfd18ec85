"""A weight for each word that a review of a film holds says whether it is positive.

25,000 reviews to learn from, of which every tenth is held out to choose by, and 25,000 to test on
(Maas et al. 2011). Words are lower-case, `don't` is one; the 20,000 commonest of the training
reviews are known, others are left out. A word counts once a review, however often it stands there,
and only the weights of words that are there are read and added: logistic regression by AdamW, on
a vector as long as the vocabulary that is never made. The checkpoint with the highest validation
accuracy is reported; its report shows the strongest words.

Run: python launch.py run sequence/imdb_bag_of_words
Expected: test accuracy .888
Time: 2 s, after 10 s of reading words
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
    words: Annotated[int, "the commonest of the training reviews, which are known"] = 20_000
    word_dropout_rate: Annotated[float, "share of the words that are hidden in training"] = 0.0

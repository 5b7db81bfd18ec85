"""Film reviews from TFRecord files, cut into words as they are read.

50,000 reviews of any length in ten files for training, one to choose by and ten for the test, which
are written on first use. The words of the vocabulary are counted in one pass over the training
files; from then on each review becomes numbers when it is read, by the workers where data is
streamed. The net is that of `sequence/imdb_mean_embedding`, and so are all bits of the result: how
data is read is no part of it.

Run: python launch.py run data/imdb_tfrecord --data streamed
Expected: test accuracy .885 to .887, that of sequence/imdb_mean_embedding (.751 in Géron, 2nd
  edition, chapter 13)
Time: 1 min
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.sequence.imdb_mean_embedding import config as mean_embedding
from research.data.columns import Form
from research.data.file_sets.written import OnDamage, Written
from research.data.formats.format import TEXT
from research.data.formats.tfrecord import TFRecord
from research.sequence.classification.reviews import (
    CLASSES,
    DATASET,
    Corpus,
    as_source,
    corpus_of,
    read_reviews,
    split_reviews,
)
from research.sequence.classification.sentiment import MeanEmbeddingSentiment

FORMAT = TFRecord({"text": TEXT, "label": Form(np.dtype(np.int64), ())})
SHARDS = {"train": 10, "validation": 1, "test": 10}


@dataclass(frozen=True)
class ReviewsTFRecord(MeanEmbeddingSentiment):
    """Options."""

    damaged: OnDamage = "stop"

    def read(self) -> Corpus:
        """The reviews, from TFRecord files."""
        files = {}
        for name, reviews in split_reviews(*read_reviews(self.reviews)).items():
            source = as_source(reviews, f"{DATASET} {name}")
            place = f"imdb_tfrecord/{name}"
            classes = ("label", len(CLASSES))
            files[name] = Written(source, FORMAT, place, SHARDS[name], self.damaged, classes)
        return corpus_of(files, self.words, self.length, self.kept)


config = ReviewsTFRecord(epochs=mean_embedding.epochs, length=mean_embedding.length)

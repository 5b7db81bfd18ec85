"""MNIST and Fashion-MNIST, 70,000 images of 28 x 28 pixels: data and options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from research.data.order import shuffled_rows
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data
from research.options.ranges import Range
from research.vision.classification import ImageClassification, Images

TRAIN = 55_000
"""Images to train on at most; the other 5,000 of the training file are there to choose by."""


@dataclass(frozen=True)
class MNISTClassification(ImageClassification):
    """Options of classifiers of such images."""

    batch_size: Annotated[int, "images in one update", Range(1, "examples")] = 128
    examples: Annotated[int, "training images, the first of the file", Range(1, TRAIN)] = TRAIN

    data_set: ClassVar[str] = "fashion_mnist"
    evaluation_batch_size: ClassVar[int] = 500

    def images(self) -> Images:
        """The splits of the data set; batches are shuffled anew in each epoch."""
        data = Data(
            splits={
                "train": TfdsSplit(self.data_set, f"train[:{self.examples}]"),
                "validation": TfdsSplit(self.data_set, f"train[{TRAIN}:]"),
                "test": TfdsSplit(self.data_set, "test"),
            },
            rows=shuffled_rows(self.examples, self.batch_size),
            evaluation_batch_size=self.evaluation_batch_size,
        )
        return Images(data, self.examples, (28, 28, 1), white=255)

"""Data sets of images, with their options: scikit-learn's digits, MNIST and its like.

Scikit-learn's 1,797 digits are split by writers; MNIST and Fashion-MNIST are 70,000 images of
28 x 28 pixels each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import jax

from research.data.augmentation import rotate_scale_and_shift
from research.data.order import shuffled_rows
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data, Hyperparameters, Key
from research.options.ranges import COUNT, Range
from research.vision.classification import Augmentation, ImageClassification, Images

DIGITS = 1280
"""Images to train on. The file keeps a writer's digits together and is split in its order, so that
the 360 to test, and most of the 157 to choose by, are by other hands."""


@dataclass(frozen=True)
class DigitClassification(ImageClassification):
    """Options of classifiers that see digits moved a little, another way each time."""

    epochs: Annotated[int, "passes over the training images", COUNT] = 60
    warmup_epochs: Annotated[
        int, "of these, passes in which the learning rate rises", Range(0, "epochs")
    ] = 6
    batch_size: Annotated[int, "images in one update", Range(1, DIGITS)] = 128
    channels: Annotated[
        int, "channels of the first half of the convolutions; the others have twice", COUNT
    ] = 16
    rotation: Annotated[float, "degrees that an image is turned by at most", Range(0, 180)] = 15.0
    scale: Annotated[
        float, "factor by which an image is enlarged or made smaller at most", Range(1, 4)
    ] = 1.1
    shift: Annotated[
        float, "pixels that an image is moved by at most, along each axis", Range(0, 8)
    ] = 1.0

    epochs_between_evaluations: ClassVar[int] = 5

    def smoke(self) -> Self:
        """Forty updates of a narrow net."""
        return replace(self, epochs=2, warmup_epochs=1, batch_size=64, channels=4)

    def images(self) -> Images:
        """The three splits; batches are shuffled anew in each epoch."""
        data = Data(
            splits={
                "train": TfdsSplit("encore_digits", f"train[:{DIGITS}]"),
                "validation": TfdsSplit("encore_digits", f"train[{DIGITS}:]"),
                "test": TfdsSplit("encore_digits", "test"),
            },
            rows=shuffled_rows(DIGITS, self.batch_size),
            evaluation_batch_size=180,
        )
        return Images(data, DIGITS, (8, 8, 1), white=16)

    def augmentation(self) -> Augmentation:
        """Turned, enlarged and shifted a little."""
        return move_a_little


def move_a_little(image: jax.Array, key: Key, values: Hyperparameters) -> jax.Array:
    """The image turned, enlarged and shifted by at most `rotation`, `scale` and `shift`."""
    return rotate_scale_and_shift(image, key, values["rotation"], values["scale"], values["shift"])


MNIST = 55_000
"""Images to train on at most; the other 5,000 of the training file are there to choose by."""


@dataclass(frozen=True)
class MNISTClassification(ImageClassification):
    """Options of classifiers of such images."""

    batch_size: Annotated[int, "images in one update", Range(1, "examples")] = 128
    examples: Annotated[int, "training images, the first of the file", Range(1, MNIST)] = MNIST

    data_set: ClassVar[str] = "fashion_mnist"
    evaluation_batch_size: ClassVar[int] = 500

    def images(self) -> Images:
        """The splits of the data set; batches are shuffled anew in each epoch."""
        data = Data(
            splits={
                "train": TfdsSplit(self.data_set, f"train[:{self.examples}]"),
                "validation": TfdsSplit(self.data_set, f"train[{MNIST}:]"),
                "test": TfdsSplit(self.data_set, "test"),
            },
            rows=shuffled_rows(self.examples, self.batch_size),
            evaluation_batch_size=self.evaluation_batch_size,
        )
        return Images(data, self.examples, (28, 28, 1), white=255)

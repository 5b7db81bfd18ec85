"""Data sets of images: scikit-learn's digits, MNIST and its like, split into train and the rest."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from research.data.order import shuffled_rows
from research.data.tfds_split import TfdsSplit, class_names
from research.engine.experiment import Data

DataSet = Literal["digits", "mnist", "fashion_mnist"]
CLASSES = 10
"""Of each data set."""


class Images(NamedTuple):
    """The images that a model is trained and measured on.

    Attributes:
        data: splits with columns `image` (uint8 `[examples, height, width, channels]`) and `label`
            (int `[examples]`); batches are shuffled anew in each epoch.
        examples: of the training split, in an epoch.
        shape: height, width, channels.
        white: the pixel value that becomes 1.
        names: of the classes, where a run is to keep them; else they are the data set's own.
        light_on_dark: whether grey images are, so that a user's own picture is made so.
    """

    data: Data
    examples: int
    shape: tuple[int, int, int]
    white: int
    names: tuple[str, ...] = ()
    light_on_dark: bool = True

    def scaled(self, image: jax.Array) -> jax.Array:
        """Pixels as float32 in [0, 1]."""
        return image.astype(jnp.float32) / self.white

    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.names or class_names(self.data.splits["test"], "label", CLASSES)


DIGITS = 1280
"""Images to train on. The file keeps a writer's digits together and is split in its order, so that
the 360 to test, and most of the 157 to choose by, are by other hands."""

MNIST = 55_000
"""Images of MNIST and its like to train on at most; the other 5,000 of the training file are there
to choose by."""


def digits(batch_size: int, examples: int = DIGITS) -> Images:
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, split by writers.

    Args:
        batch_size: images in one update.
        examples: training images, the first of the file.
    """
    splits = {
        "train": TfdsSplit("encore_digits", f"train[:{examples}]"),
        "validation": TfdsSplit("encore_digits", f"train[{DIGITS}:]"),
        "test": TfdsSplit("encore_digits", "test"),
    }
    data = Data(splits, rows=shuffled_rows(examples, batch_size), evaluation_batch_size=180)
    return Images(data, examples, (8, 8, 1), white=16)


def mnist(
    data_set: str, batch_size: int, examples: int = MNIST, evaluation_batch_size: int = 500
) -> Images:
    """70,000 images of 28 x 28 pixels: `mnist`, `fashion_mnist` and others of their form.

    Args:
        data_set: what tfds calls it.
        batch_size: images in one update.
        examples: training images, the first of the file.
        evaluation_batch_size: images in one call of `evaluate`.
    """
    splits = {
        "train": TfdsSplit(data_set, f"train[:{examples}]"),
        "validation": TfdsSplit(data_set, f"train[{MNIST}:]"),
        "test": TfdsSplit(data_set, "test"),
    }
    rows = shuffled_rows(examples, batch_size)
    data = Data(splits, rows=rows, evaluation_batch_size=evaluation_batch_size)
    return Images(data, examples, (28, 28, 1), white=255)


CIFAR10 = 45_000
"""Images of CIFAR-10 to train on; the other 5,000 of the training file are there to choose by."""


def cifar10(batch_size: int, examples: int = CIFAR10) -> Images:
    """60,000 colour pictures of 32 x 32 pixels in ten classes (Krizhevsky 2009).

    Args:
        batch_size: images in one update.
        examples: training images, the first of the file.
    """
    splits = {
        "train": TfdsSplit("cifar10", f"train[:{examples}]", ("image", "label")),
        "validation": TfdsSplit("cifar10", f"train[{CIFAR10}:]", ("image", "label")),
        "test": TfdsSplit("cifar10", "test", ("image", "label")),
    }
    data = Data(splits, rows=shuffled_rows(examples, batch_size), evaluation_batch_size=500)
    return Images(data, examples, (32, 32, 3), white=255)


def images_of(data_set: DataSet, batch_size: int, examples: int | None = None) -> Images:
    """The images of a data set by its name.

    Args:
        data_set: which.
        batch_size: images in one update.
        examples: training images, the first of the file; None for all that there are.
    """
    if data_set == "digits":
        return digits(batch_size, DIGITS if examples is None else examples)
    return mnist(data_set, batch_size, MNIST if examples is None else examples)

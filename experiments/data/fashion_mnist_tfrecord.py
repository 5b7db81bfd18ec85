"""Ten kinds of clothing from TFRecord files.

The set-up of an exercise of Géron's chapter 13 (2nd edition): Fashion-MNIST in ten files of
`tf.train.Example` for training, two for validation and two for the test. They are written on first
use and read without TensorFlow; their checksums are compared at each read. The net is that of
`vision/fashion_mnist_small`, five epochs.

Run: python launch.py run data/fashion_mnist_tfrecord
Expected: validation accuracy .923 to .925 (.9141 after five epochs in Géron, 2nd edition,
  chapter 13)
Time: 3 min
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from experiments.vision.fashion_mnist_small import FashionSmall
from research.data.file_sets.written import OnDamage
from research.data.image_files import as_tfrecord, in_files
from research.data.images import Images
from research.options.ranges import COUNT, Range

SHARDS = {"train": 10, "validation": 2, "test": 2}


@dataclass(frozen=True)
class FashionTFRecord(FashionSmall):
    """Options."""

    epochs: Annotated[int, "passes over the training images", COUNT] = 5
    warmup_epochs: Annotated[
        int, "of these, passes in which the learning rate rises", Range(0, "epochs")
    ] = 1
    damaged: OnDamage = "stop"

    @property
    def headline(self) -> str:
        """The figure of the book."""
        return "validation/accuracy"

    def images(self) -> Images:
        """Fashion-MNIST, from TFRecord files."""
        images = super().images()
        way = as_tfrecord(images.shape)
        folder = "fashion_mnist_tfrecord"
        return in_files(images, way, folder, SHARDS, self.batch_size, self.damaged)


config = FashionTFRecord()

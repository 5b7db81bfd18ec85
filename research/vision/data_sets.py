"""Options of classifiers of scikit-learn's digits, and of MNIST and its like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import jax

from research.data.augmentation import flip, rotate_scale_and_shift, shift
from research.data.images import DIGITS, MNIST, Images, digits, mnist
from research.engine.experiment import Hyperparameters, Key
from research.options.ranges import COUNT, Range
from research.vision.classification import Augmentation, ImageClassification


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
        """Scikit-learn's digits."""
        return digits(self.batch_size)

    def augmentation(self) -> Augmentation:
        """Turned, enlarged and shifted a little."""
        return move_a_little


def move_a_little(image: jax.Array, key: Key, values: Hyperparameters) -> jax.Array:
    """The image turned, enlarged and shifted by at most `rotation`, `scale` and `shift`."""
    return rotate_scale_and_shift(image, key, values["rotation"], values["scale"], values["shift"])


def flip_and_shift(pixels: int) -> Augmentation:
    """The image mirrored or not, then moved by at most so many pixels along each axis."""

    def augment(image: jax.Array, key: Key, values: Hyperparameters) -> jax.Array:
        del values
        flip_key, shift_key = jax.random.split(key)
        return shift(flip(image, flip_key), shift_key, pixels)

    return augment


@dataclass(frozen=True)
class MNISTClassification(ImageClassification):
    """Options of classifiers of such images."""

    batch_size: Annotated[int, "images in one update", Range(1, "examples")] = 128
    examples: Annotated[int, "training images, the first of the file", Range(1, MNIST)] = MNIST

    data_set: ClassVar[str] = "fashion_mnist"
    evaluation_batch_size: ClassVar[int] = 500

    def smoke(self) -> Self:
        """Thirty updates."""
        warmup_epochs = min(self.warmup_epochs, 1)
        return replace(self, epochs=2, warmup_epochs=warmup_epochs, batch_size=32, examples=480)

    def images(self) -> Images:
        """The splits of the data set."""
        return mnist(self.data_set, self.batch_size, self.examples, self.evaluation_batch_size)

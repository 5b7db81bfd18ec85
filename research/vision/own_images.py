"""A convolutional net for pictures of one's own.

config = OwnImages(splits=split(Files("photos/*/*.jpg", Pictures(classes_in("photos")))))
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Annotated, ClassVar, Self

import flax.linen as nn
import jax
import numpy as np

from research.data.augmentation import rotate_scale_and_shift
from research.data.columns import Columns, is_text
from research.data.formats.pictures import decode_picture, fit_picture
from research.data.images import Images
from research.data.labels import Classes, find_classes, labelled
from research.data.order import shuffled_rows
from research.data.own_pictures import is_light_on_dark
from research.data.sources.mapped import Mapped
from research.data.sources.portions import Splits
from research.engine.experiment import Data, Hyperparameters, Key, Source
from research.errors import Mistake
from research.optimization.optimizers import OptimizerName
from research.options.ranges import AMOUNT, COUNT, FIXED, FRACTION, POSITIVE, Range
from research.vision.classification import Augmentation, ImageClassification
from research.vision.models import SmallCNN

SURVEYED = 64
"""Training pictures by which is judged whether they are light on dark."""


@dataclass(frozen=True, kw_only=True)
class OwnImages(ImageClassification):
    """Options of a classifier of pictures of one's own.

    A column of pixels, uint8 `[height, width]` or `[height, width, channels]`, is read as it is
    where all have one size. Others, and files as bytes (JPEG, PNG), are decoded, cut to their
    middle square and made `side` pixels high and wide, by the workers.

    Attributes:
        splits: pictures to train on, to choose by and to test on.
        image: the column of pictures.
        label: the column of classes, whole numbers or texts.
    """

    splits: Annotated[Splits, "pictures of each split", FIXED]
    image: Annotated[str, "the column of pictures", FIXED] = "image"
    label: Annotated[str, "the column of classes", FIXED] = "label"
    epochs: Annotated[int, "passes over the training pictures", COUNT] = 20
    batch_size: Annotated[int, "pictures in one update", COUNT] = 32
    side: Annotated[
        int, "pixels that pictures of several sizes are made high and wide", Range(8, 1024)
    ] = 64
    channels: Annotated[
        int, "channels of the first convolutions; each following stage has twice", COUNT
    ] = 32
    learning_rate: Annotated[float, "AdamW's largest step size", POSITIVE] = 1e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay", AMOUNT] = 1e-2
    dropout_rate: Annotated[float, "share of hidden units dropped", FRACTION] = 0.3
    average_decay: Annotated[float, "decay of the parameters' moving average", FRACTION] = 0.99
    rotation: Annotated[float, "degrees that a picture is turned by at most", Range(0, 180)] = 5.0
    scale: Annotated[
        float, "factor by which a picture is enlarged or made smaller at most", Range(1, 4)
    ] = 1.1
    shift: Annotated[
        float, "pixels that a picture is moved by at most, along each axis", Range(0, 1024)
    ] = 2.0

    optimizer: ClassVar[OptimizerName] = "adamw"

    @property
    def headline(self) -> str:
        """How many pictures are classified right."""
        return "test/accuracy"

    def smoke(self) -> Self:
        """One pass of a narrow net."""
        return replace(self, epochs=1, channels=2, side=16)

    @cached_property
    def _classes(self) -> Classes:
        return find_classes(self.splits.train, self.label)

    @cached_property
    def _images(self) -> Images:
        sources: dict[str, Source] = {}
        for name, source in self.splits._asdict().items():
            change = partial(prepare_pictures, self.image, self.label, self.side)
            same = Mapped(source, change, f"{self.image}, {self.side} x {self.side} if resized")
            sources[name] = labelled(same, self.label, self._classes)
        train = sources["train"]
        some = train.read(np.arange(min(SURVEYED, len(train))))["image"]
        rows = shuffled_rows(len(train), self.batch_size)
        data = Data(sources, rows, evaluation_batch_size=256)
        light = is_light_on_dark(some)
        return Images(data, len(train), some.shape[1:], 255, self._classes.names, light)

    def images(self) -> Images:
        """The pictures with their classes.

        Raises:
            Mistake: a column is missing, or holds no pictures or classes.
        """
        return self._images

    def augmentation(self) -> Augmentation:
        """Turned, enlarged and shifted a little."""
        return move_a_little

    def model(self, images: Images) -> nn.Module:
        """Two convolutions a stage, in up to three stages, and a dense layer."""
        height, width, _ = images.shape
        stages = max(1, min(3, min(height, width).bit_length() - 3))
        return SmallCNN(
            stages=tuple((self.channels * 2**k,) * 2 for k in range(stages)),
            dense=(4 * self.channels,),
            classes=len(images.names),
            images=self.epochs * images.examples,
        )


def move_a_little(image: jax.Array, key: Key, values: Hyperparameters) -> jax.Array:
    """The picture turned, enlarged and shifted by at most `rotation`, `scale` and `shift`."""
    return rotate_scale_and_shift(image, key, values["rotation"], values["scale"], values["shift"])


def prepare_pictures(image: str, label: str, side: int, columns: Columns) -> Columns:
    """`image` as uint8 `[pictures, height, width, channels]`, and the column of the labels.

    Raises:
        Mistake: there is no such column, or it holds no pictures.
    """
    for name in (image, label):
        if name not in columns:
            raise Mistake(f"there is no column {name!r}; there are {', '.join(sorted(columns))}")
    held = columns[image]
    if held.dtype == object:
        pictures = (
            [decode_picture(each, (None, None, 3)) for each in held] if is_text(held) else held
        )
        fitted = [fit_picture(each, (side, side)) for each in pictures]
        held = np.stack(fitted) if fitted else np.empty((0, side, side, 3), np.uint8)
    if held.dtype != np.uint8 or held.ndim not in (3, 4):
        raise Mistake(
            f"column {image!r} holds {held.dtype} {[*held.shape[1:]]}; pictures are uint8 "
            "[height, width] or [height, width, channels]"
        )
    return {"image": held[..., None] if held.ndim == 3 else held, label: columns[label]}

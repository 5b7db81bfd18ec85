"""Small images put into large pictures: as many as are wanted, each calculated when it is read."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.data.features.hashing import hash_numbers
from research.data.formats.fixed import Field, Fixed
from research.data.images import Images
from research.data.order import shuffled_rows
from research.engine.experiment import Source

SIDE = 112
"""Of a picture, in pixels."""
SMALL = 28
"""Of an image in it."""
SIZES = (2, 3, 4)
"""How many times as large as it was an image may be."""
RECORD = Fixed({"label": Field("u1"), "image": Field("u1", (SIDE, SIDE, 1))})
"""A picture in a file: 12,545 bytes."""
_SIZE, _ROW, _COLUMN = range(3)


@dataclasses.dataclass(frozen=True, eq=False)
class Scattered:
    """Several pictures of each image of another source, in another size and place each.

    They follow from their place in the source by a hash of whole numbers, so they are the same
    everywhere.

    Attributes:
        source: `image`, uint8 `[28, 28, 1]`, and `label`.
        images: how many of its images, the first.
        copies: pictures made of each image; the first of all images come first.
    """

    source: Source
    images: int
    copies: int

    @property
    def name(self) -> str:
        """`fashion_mnist/3.0.1 test, 2 pictures of 112 x 112 pixels of each`."""
        return f"{self.source.name}, {self.copies} pictures of {SIDE} x {SIDE} pixels of each"

    def __len__(self) -> int:
        """The number of pictures."""
        return self.copies * self.images

    def load(self) -> Columns:
        """All pictures."""
        return self.read(np.arange(len(self)))

    def read(self, index: np.ndarray) -> Columns:
        """The pictures at `index` (int `[n]`): `image` `[n, 112, 112, 1]` and `label`, uint8."""
        index = np.asarray(index, np.int64)
        small = self.source.read(index % self.images)
        sizes = np.array(SIZES)[hash_numbers([index], len(SIZES), _SIZE)]
        room = SIDE - SMALL * sizes + 1
        places = [hash_numbers([index], 1 << 16, what) % room for what in (_ROW, _COLUMN)]
        image = np.zeros((len(index), SIDE, SIDE, 1), np.uint8)
        for number, (size, row, column) in enumerate(zip(sizes, *places, strict=True)):
            large = small["image"][number].repeat(size, 0).repeat(size, 1)
            image[number, row : row + len(large), column : column + len(large)] = large
        return {"image": image, "label": small["label"].astype(np.uint8)}

    def digest(self) -> str:
        """That of the source and the settings, with the first pictures."""
        made_of = json.dumps([self.source.digest(), self.images, self.copies, SIDE, SIZES])
        first = self.read(np.arange(min(8, len(self))))
        return column_functions.with_meaning(column_functions.digest(first), made_of)


def scattered(images: Images, copies: int, batch_size: int) -> Images:
    """Pictures of the same images: several of each training image, one of every other.

    Other splits have at most as many images as there are to train on.
    """
    splits = {
        name: Scattered(source, min(len(source), images.examples), copies if name == "train" else 1)
        for name, source in images.data.splits.items()
    }
    examples = copies * images.examples
    rows = shuffled_rows(examples, batch_size)
    data = images.data._replace(splits=splits, rows=rows, evaluation_batch_size=250)
    names = images.classes()
    return Images(data, examples, (SIDE, SIDE, 1), images.white, names)

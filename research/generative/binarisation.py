"""Grey images made black and white: a pixel is white as likely as it is bright."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Literal

import jax
import numpy as np

from research.data.images import Images
from research.data.sources.mapped import Mapped
from research.engine.experiment import Key

Binarisation = Literal["dynamic", "static", "none"]


def binarised(images: Images, how: Binarisation) -> Images:
    """The same data with pixels drawn once: of all splits, or of those that are measured alone.

    Args:
        images: grey.
        how: `static`, all splits are drawn once; `dynamic`, all but `train`, which
            `draw_pixels` is for; `none`, nothing is drawn.
    """

    def once(name: str) -> bool:
        return how == "static" or (how == "dynamic" and name != "train")

    draw = partial(draw_once, images.white)
    splits = {
        name: Mapped(source, draw, "binarised once") if once(name) else source
        for name, source in images.data.splits.items()
    }
    return images._replace(data=images.data._replace(splits=splits))


def draw_once(white: int, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns whose `image` is 0 or `white`, the same each time.

    Thresholds are the digits of the image's own hash (SHAKE-256): an image becomes the same in any
    order, by any library, on any machine.

    Args:
        white: the pixel value that is always white.
        columns: with `image` uint8 `[images, height, width, channels]` from 0 to `white`.
    """
    image = columns["image"]
    drawn = np.stack([_thresholds(one, white) for one in image]) if len(image) else image
    return {**columns, "image": np.where(image > drawn, white, 0).astype(image.dtype)}


def _thresholds(image: np.ndarray, white: int) -> np.ndarray:
    # Of 32 bits each, so that all thresholds are as likely, to one in ten million.
    drawn = hashlib.shake_256(np.ascontiguousarray(image).tobytes()).digest(4 * image.size)
    return (np.frombuffer(drawn, "<u4") % white).reshape(image.shape)


def draw_pixels(image: jax.Array, key: Key) -> jax.Array:
    """Images of 0 and 1, drawn anew, of float32 images in [0, 1].

    Source: Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks",
    section 6.
    """
    return jax.random.bernoulli(key, image).astype(image.dtype)

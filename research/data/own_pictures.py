"""A user's own picture as a classifier's input: cut, made grey, small and light on dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from research.data.formats.pictures import cut_middle, resize
from research.errors import Mistake
from research.prediction import Own

TAKES = "a picture: a PNG or JPEG file"
LONGEST = 2.0
"""How many times the data's ratio of width to height, or its inverse, a picture's may be."""


def read_picture(
    file: str, shape: tuple[int, int, int], white: int, light_on_dark: bool = True
) -> Own:
    """A picture file as `image`, uint8 `[1, height, width, channels]`.

    Its middle is cut out in the shape of the data and averaged down (or interpolated) to their
    size. Data of one channel are grey, by luma (ITU-R BT.601). Where they are light on dark, as
    MNIST, Fashion-MNIST and the digits are, which were negated when they were made, a grey picture
    whose border is light is inverted. What is transparent counts as black. `white` is the pixel
    value that is white in the data.

    Raises:
        Mistake: there is no such picture, or its shape is far from that of the data.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    height, width, channels = shape
    try:
        with Image.open(file) as opened:
            deep = opened.mode.startswith(("I", "F"))
            # A phone says in the file which way is up.
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except FileNotFoundError:
        raise Mistake(f"there is no file {file}; this model takes {TAKES}") from None
    except (Image.DecompressionBombError, OSError, ValueError) as error:
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise Mistake(
            f"{file} cannot be read as a picture{why}; this model takes {TAKES}"
        ) from None
    if deep:
        raise Mistake(f"{file} has more than 8 bits a channel: save it with 8")
    done, across = [], (picture.width / picture.height) / (width / height)
    if not 1 / LONGEST <= across <= LONGEST:
        raise Mistake(
            f"{file} is {picture.width} x {picture.height} pixels, and the data are {width} x "
            f"{height}: cut out what is to be classified, at most {LONGEST:g} times as long one "
            "way as the data are"
        )
    whole, picture = picture.size, cut_middle(picture, height, width)
    if picture.size != whole:
        done.append(f"cut to the middle {picture.width} x {picture.height}")
    black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    plain = Image.alpha_composite(black, picture).convert("L" if channels == 1 else "RGB")
    if channels == 1 and _has_colour(picture):
        done.append("made grey")
    if plain.size != (width, height):
        done.append(f"{plain.width} x {plain.height} to {width} x {height}")
        plain = resize(plain, height, width)
    pixels = np.asarray(plain, np.float64).reshape(height, width, channels)
    if channels == 1 and light_on_dark and _border(pixels) > 127.5:
        done.append("inverted: the data are light on dark")
        pixels = 255.0 - pixels
    image = np.rint(pixels * (white / 255.0)).astype(np.uint8)
    return Own(Path(file).name, {"image": image[None]}, "; ".join(done))


def is_light_on_dark(images: np.ndarray) -> bool:
    """Whether grey images, uint8 `[images, height, width, 1]`, have mostly dark borders."""
    return images.shape[-1] == 1 and float(np.median([_border(each) for each in images])) <= 127.5


def _has_colour(picture: Any) -> bool:
    red, green, blue, _ = np.moveaxis(np.asarray(picture), -1, 0)
    return bool((red != green).any() or (green != blue).any())


def _border(pixels: np.ndarray) -> float:
    """The median of the outermost pixels."""
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return float(np.median(np.concatenate(edges)))

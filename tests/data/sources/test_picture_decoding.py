"""Pictures in JPEG: the pixels of another decoder, Pillow's, and more refused that is damaged."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from research.data.formats.format import Unreadable
from research.data.formats.pictures import decode_picture

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def picture(height: int = 37, width: int = 50) -> np.ndarray:
    """Smooth colours with noise, which take all of JPEG's frequencies."""
    smooth = np.linspace(0, 200, height * width * 3).reshape(height, width, 3)
    noise = np.random.default_rng(height).integers(0, 55, (height, width, 3))
    return (smooth + noise).astype(np.uint8)


def encode(pixels: np.ndarray, mode: str = "RGB", **how: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(content, "JPEG", **how)
    return content.getvalue()


def by_pillow(content: bytes, channels: int) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as opened:
        upright = ImageOps.exif_transpose(opened).convert(MODES[channels])
    return np.asarray(upright).reshape(upright.height, upright.width, -1)


@pytest.mark.parametrize("channels", MODES)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20}])
@pytest.mark.parametrize("shape", [(37, 50), (1, 1), (16, 1), (8, 64)])
def test_pixels_are_those_of_pillow(channels, mode, how, shape):
    content = encode(picture(*shape), mode, **how)
    found = decode_picture(content, (None, None, channels))
    np.testing.assert_array_equal(found, by_pillow(content, channels))
    assert found.shape == (*shape, channels) and found.dtype == np.uint8


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("way", range(1, 9))
def test_a_picture_is_turned_as_its_camera_noted(mode, way):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = way
    content = encode(picture(), mode, exif=exif)
    found = decode_picture(content, (None, None, 3))
    np.testing.assert_array_equal(found, by_pillow(content, 3))
    assert found.shape == ((37, 50, 3) if way < 5 else (50, 37, 3))


def test_more_of_what_is_damaged_is_refused_than_by_pillow():
    whole = encode(picture(64, 64))
    expected = decode_picture(whole, (64, 64, 3))
    draw = np.random.default_rng(0)
    wrong = {"here": 0, "Pillow": 0}
    for _ in range(400):
        content = bytearray(whole)
        for place in draw.integers(len(whole), size=3):
            content[place] = draw.integers(256)
        for name, decode in {"here": decode_picture, "Pillow": by_pillow}.items():
            shape = (None, None, 3) if decode is decode_picture else 3
            with contextlib.suppress(Unreadable, OSError, SyntaxError, ValueError):
                wrong[name] += not np.array_equal(decode(bytes(content), shape), expected)
    # Never all: JPEG has no checksum, and other numbers may be as good a picture.
    assert wrong["here"] < 0.7 * wrong["Pillow"], wrong

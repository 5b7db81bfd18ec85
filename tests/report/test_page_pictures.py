"""Pictures as data URIs: read back by pillow they hold what was drawn."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from research.engine.artifacts import Animation, Images
from research.report.pictures import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    colour,
    draw_animation,
    draw_images,
    draw_sheet,
    shades,
)


def opened(uri):
    head, _, content = uri.partition(",")
    assert head in [f"data:image/{kind};base64" for kind in ("webp", "png", "gif")]
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_grey_images_come_back():
    values = np.uint8([[[0, 8], [16, 4]], [[16, 16], [0, 0]]])
    pictures = draw_images(Images("i", values, 0.0, 16.0, ("a", "b")))
    pixels = np.asarray(opened(pictures[0].uri).convert("RGB"))
    np.testing.assert_array_equal(pixels[..., 0], np.rint(values[0] / 16 * 255))
    assert (pixels == pixels[..., :1]).all() and (pictures[0].width, pictures[0].height) == (2, 2)


def test_colour_images_come_back():
    values = np.random.default_rng(0).integers(0, 256, (1, 5, 4, 3)).astype(np.uint8)
    (picture,) = draw_images(Images("i", values, 0.0, 255.0, ("a",)))
    np.testing.assert_array_equal(np.asarray(opened(picture.uri).convert("RGB")), values[0])


def test_signed_values_are_blue_white_and_red():
    ends = colour(np.array([-2.0, 0.0, 2.0, np.nan, 9.0]), -2.0, 2.0, signed=True)
    assert list(map(tuple, ends.tolist())) == [NEGATIVE, NEUTRAL, POSITIVE, NEGATIVE, POSITIVE]


def test_a_sheet_holds_every_image_and_nothing_between():
    images = np.stack([np.full((4, 4), float(number)) for number in range(10)])
    sheet = np.asarray(opened(draw_sheet(Images("s", images, 0.0, 9.0)).uri).convert("RGBA"))
    assert sheet.shape == (9, 39, 4)
    for number in range(10):
        top, left = number // 8 * 5, number % 8 * 5
        assert (sheet[top : top + 4, left : left + 4, 0] == round(255 * number / 9)).all()
    assert (sheet[..., 3] > 0).sum() == 10 * 16


def test_an_animation_holds_every_frame_for_its_time():
    chance = np.random.default_rng(1)
    frames = chance.integers(0, 4, (6, 5, 7)).astype(np.uint8)
    palette = np.uint8([[0, 0, 0], [255, 0, 0], [0, 255, 0], [9, 9, 255]])
    picture = draw_animation(Animation("a", frames, palette, 0.05))
    film = opened(picture.uri)
    assert film.n_frames == 6 and film.info["loop"] == 0
    for number in range(6):
        film.seek(number)
        pixels = np.asarray(film.convert("RGB"))
        np.testing.assert_array_equal(pixels, palette[frames[number]])
        assert film.info["duration"] == (1500 if number == 5 else 50)
    still = np.asarray(opened(picture.still).convert("RGB"))
    np.testing.assert_array_equal(still, palette[frames[-1]])


def test_shades_are_shares_of_a_row():
    assert shades([[3, 1], [0, 0]]) == [[75, 25], [0, 0]]

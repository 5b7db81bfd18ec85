"""Pictures of a user's own: what is done to make them what the data are, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from research.data.columns import as_objects
from research.data.formats.pictures import resize_middles
from research.data.own_pictures import read_picture
from research.errors import Mistake


@pytest.fixture
def save(tmp_path):
    """(pixels, name, mode) -> the path of a picture file with these pixels."""

    def save(pixels, name="own.png", mode=None, **more):
        image = Image.fromarray(np.uint8(pixels), mode) if mode else Image.fromarray(pixels)
        image.save(tmp_path / name, **more)
        return str(tmp_path / name)

    return save


def ink(shape=(28, 28), low=0, high=255):
    """Light in the middle, dark at the border."""
    pixels = np.full(shape, low, np.uint8)
    pixels[shape[0] // 4 : -shape[0] // 4, shape[1] // 4 : -shape[1] // 4] = high
    return pixels


def test_a_picture_of_the_data_is_itself(save):
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 100, (28, 28), np.uint8)
    own = read_picture(save(pixels), (28, 28, 1), 255)
    np.testing.assert_array_equal(own.inputs["image"], pixels[None, :, :, None])
    assert own.name == "own.png" and own.note == "" and own.inputs["image"].dtype == np.uint8
    coloured = chance.integers(0, 256, (32, 32, 3), np.uint8)
    own = read_picture(save(coloured), (32, 32, 3), 255)
    np.testing.assert_array_equal(own.inputs["image"], coloured[None])


@pytest.mark.parametrize("factor", [2, 4, 10])
def test_a_larger_picture_is_averaged_over_squares_and_its_white_is_that_of_the_data(save, factor):
    """As scikit-learn's digits were made: counts of ink in squares of 4 x 4 pixels."""
    bits = np.random.default_rng(factor).integers(0, 2, (8, 8, factor, factor))
    pixels = 255 * np.moveaxis(bits, 1, 2).reshape(8 * factor, 8 * factor)
    pixels[:factor] = pixels[-factor:] = 0  # its border is dark
    own = read_picture(save(np.uint8(pixels)), (8, 8, 1), 16)
    expected = pixels.reshape(8, factor, 8, factor).mean((1, 3)) * 16 / 255
    assert np.abs(own.inputs["image"][0, :, :, 0] - expected).max() <= 0.55
    assert own.inputs["image"].max() <= 16 and f"{8 * factor} x {8 * factor} to 8 x 8" in own.note


def test_dark_ink_on_light_paper_is_inverted_and_light_on_dark_is_not(save):
    light, dark = ink(), 255 - ink()
    expected = ink()[None, :, :, None]
    plain, inverted = (read_picture(save(p), (28, 28, 1), 255) for p in (light, dark))
    np.testing.assert_array_equal(plain.inputs["image"], expected)
    np.testing.assert_array_equal(inverted.inputs["image"], expected)
    assert "inverted" in inverted.note and "inverted" not in plain.note
    # The control: in colour nothing is.
    colour = read_picture(save(np.stack([dark] * 3, axis=-1)), (28, 28, 3), 255)
    np.testing.assert_array_equal(colour.inputs["image"][0, :, :, 0], dark)


def test_colours_become_luma_and_what_is_transparent_black(save):
    red = np.zeros((28, 28, 3), np.uint8)
    red[..., 0] = 200
    own = read_picture(save(red), (28, 28, 1), 255)
    assert own.inputs["image"].max() == round(0.299 * 200) and own.note == "made grey"
    clear = np.zeros((28, 28, 4), np.uint8)
    clear[..., :3], clear[10:18, 10:18, 3] = 255, 255
    own = read_picture(save(clear), (28, 28, 1), 255)
    np.testing.assert_array_equal(own.inputs["image"][0, :, :, 0], clear[..., 3])


def test_the_middle_is_cut_out_and_a_phones_jpeg_stands_upright(save):
    wide = np.zeros((30, 50), np.uint8)
    wide[:, 10:40] = ink((30, 30))
    own = read_picture(save(wide), (30, 30, 1), 255)
    np.testing.assert_array_equal(own.inputs["image"][0, :, :, 0], ink((30, 30)))
    assert own.note == "cut to the middle 30 x 30"
    upright = np.zeros((32, 32), np.uint8)
    upright[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # it lies on its left side
    turned = save(np.rot90(upright), "phone.jpg", quality=100, exif=exif)
    made = read_picture(turned, (32, 32, 1), 255).inputs["image"][0, :, :, 0]
    assert np.abs(made.astype(int) - upright).max() < 8


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.png", None, "there is no file"),
        ("words.png", b"not a picture", "cannot be read as a picture"),
        ("empty.png", b"", "cannot be read as a picture"),
        (".", None, "cannot be read as a picture"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Mistake, match=says) as refused:
        read_picture(str(path), (28, 28, 1), 255)
    assert "PNG or JPEG" in str(refused.value)


def test_a_picture_cut_short_of_another_shape_or_of_more_bits_is_refused(save, tmp_path):
    whole = save(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    (tmp_path / "short.png").write_bytes((tmp_path / "own.png").read_bytes()[:200])
    with pytest.raises(Mistake, match="cannot be read as a picture"):
        read_picture(str(tmp_path / "short.png"), (28, 28, 1), 255)
    assert read_picture(whole, (28, 28, 1), 255)  # control
    with pytest.raises(Mistake, match="100 x 28 pixels, and the data are 28 x 28"):
        read_picture(save(np.zeros((28, 100), np.uint8)), (28, 28, 1), 255)
    Image.fromarray(np.full((28, 28), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(Mistake, match="more than 8 bits"):
        read_picture(str(tmp_path / "deep.png"), (28, 28, 1), 255)


@pytest.mark.parametrize("size", [(40, 60), (24, 24), (16, 30), (90, 50)])
def test_ones_own_picture_is_what_a_picture_of_a_folder_becomes(save, size):
    """So a net is asked about what it was trained on."""
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    own = read_picture(save(pixels), (24, 24, 3), 255)
    columns = resize_middles(24, 24, {"image": as_objects([pixels]), "label": np.zeros(1)})
    np.testing.assert_array_equal(own.inputs["image"], columns["image"])
    grey = resize_middles(24, 20, {"image": as_objects([pixels[:, :, :1]])})
    assert grey["image"].shape == (1, 24, 20, 1) and grey["image"].dtype == np.uint8

"""Augmentations against scipy.ndimage, as properties of what they keep, and with controls."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from research.data import augmentation as augment

pytestmark = pytest.mark.usefixtures("plainly_compiled")

IMAGE = np.random.default_rng(0).uniform(0.1, 1, (9, 11, 2)).astype(np.float32)
KEYS = jax.random.split(jax.random.key(0), 400)


def many(function, image=IMAGE) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(function, (None, 0)))(jnp.asarray(image), KEYS))


def moved(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return ndimage.shift(image, (rows, columns, 0), order=0, mode="constant")


def kinds(images: np.ndarray, expected: list[np.ndarray]) -> np.ndarray:
    """How often each expected image occurs; every image must be one of them."""
    codes = {image.tobytes(): number for number, image in enumerate(expected)}
    assert len(codes) == len(expected)
    return np.bincount([codes[image.tobytes()] for image in images], minlength=len(expected))


def test_shift_gives_each_of_scipys_shifts_equally_often():
    steps = range(-2, 3)
    expected = [moved(IMAGE, row, column) for row in steps for column in steps]
    counts = kinds(many(partial(augment.shift, pixels=2)), expected)
    assert counts.min() >= 4 and counts.max() <= 34  # 16 expected; both 1e-4 out.


def test_a_shift_of_another_size_is_noticed():
    expected = [moved(IMAGE, row, column) for row in range(-2, 3) for column in range(-2, 3)]
    with pytest.raises(KeyError):
        kinds(many(partial(augment.shift, pixels=3)), expected)


def test_flip_is_scipys_reversal_half_of_the_time():
    counts = kinds(many(augment.flip), [IMAGE, np.ascontiguousarray(IMAGE[:, ::-1])])
    assert 140 < counts[0] < 260


def test_crop_takes_every_window():
    expected = [IMAGE[r : r + 7, c : c + 8].copy() for r in range(3) for c in range(4)]
    counts = kinds(many(partial(augment.crop, size=(7, 8))), expected)
    assert counts.min() > 10
    with pytest.raises(ValueError, match="does not fit"):
        augment.crop(jnp.asarray(IMAGE), KEYS[0], (10, 8))


def test_integer_images_stay_integers():
    image = np.round(IMAGE * 255).astype(np.uint8)
    changes = [
        partial(augment.shift, pixels=1),
        augment.flip,
        partial(augment.rotate_scale_and_shift, degrees=5.0, scale=1.1),
    ]
    for change in changes:
        assert many(change, image).dtype == np.uint8
    turned = augment.rotated_scaled_and_shifted(jnp.asarray(image), 0.3, 1.0).astype(jnp.float32)
    exact = augment.rotated_scaled_and_shifted(jnp.asarray(image, jnp.float32), 0.3, 1.0)
    assert float(jnp.abs(turned - exact).max()) <= 0.5


def image(height=8, width=8, channels=2):
    return np.random.default_rng(0).random((height, width, channels), np.float32)


@settings(max_examples=20, deadline=None)
@given(
    angle=st.floats(-3, 3),
    factor=st.floats(0.5, 2),
    distance=st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    size=st.sampled_from([(8, 8), (7, 9)]),
)
def test_scipy_agrees(angle, factor, distance, size):
    x = image(*size)
    # Where an output pixel comes from: turn and shrink about the middle, after moving back.
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / factor
    middle = (np.array(size) - 1) / 2
    expected = np.stack(
        [
            ndimage.affine_transform(
                x[..., channel],
                back,
                middle - back @ (middle + np.array(distance)),
                order=1,
                mode="grid-constant",
            )
            for channel in range(2)
        ],
        -1,
    )
    actual = augment.rotated_scaled_and_shifted(
        x, jnp.float32(angle), jnp.float32(factor), jnp.array(distance, jnp.float32)
    )
    np.testing.assert_allclose(actual, expected, atol=2e-5)
    if abs(angle) > 0.5 and abs(angle) < 2.5:  # The other way round is another image.
        other = augment.rotated_scaled_and_shifted(x, -angle, factor, jnp.array(distance))
        assert np.abs(other - expected).max() > 0.02


def test_whole_pixels_and_quarter_turns_are_exact_moves():
    x = image()
    moved = augment.rotated_scaled_and_shifted(
        x, jnp.float32(0), jnp.float32(1), jnp.array([2.0, -1.0])
    )
    np.testing.assert_array_equal(moved[2:, :-1], x[:-2, 1:])
    assert not np.any(moved[:2]) and not np.any(moved[:, -1:])
    turned = augment.rotated_scaled_and_shifted(
        x, jnp.float32(np.pi / 2), jnp.float32(1), jnp.zeros(2)
    )
    np.testing.assert_allclose(turned, np.rot90(x), atol=1e-5)


def test_nothing_asked_is_nothing_done():
    for seed in range(5):
        same = augment.rotate_scale_and_shift(image(), jax.random.key(seed), 0.0, 1.0, 0.0)
        np.testing.assert_array_equal(same, image())


@pytest.mark.parametrize(
    "degrees, scale, pixels, place",
    [(90.0, 1.0, 0.0, "angle"), (0.0, 2.0, 0.0, "factor"), (0.0, 1.0, 3.0, "distance")],
)
def test_what_is_drawn_fills_its_range_and_differs_by_key(degrees, scale, pixels, place):
    """Found from the centre of mass of one bright pixel, which each change moves by itself."""
    x = np.zeros((41, 41, 1), np.float32)
    x[20, 30] = 1.0
    keys = jax.random.split(jax.random.key(0), 300)
    moved = jax.vmap(lambda key: augment.rotate_scale_and_shift(x, key, degrees, scale, pixels))(
        keys
    )
    mass = np.asarray(moved[..., 0], np.float64)
    grid = np.arange(41) - 20.0
    weight = mass.sum((1, 2))
    row, column = mass.sum(2) @ grid / weight, mass.sum(1) @ grid / weight
    drawn, low, high = {
        "angle": (np.rad2deg(np.arctan2(row, column)), -90, 90),
        "factor": (np.hypot(row, column) / 10, 0.5, 2),
        "distance": (np.concatenate([row, column - 10]), -3, 3),
    }[place]
    margin = 0.05 * (high - low)
    assert low - margin <= drawn.min() <= low + margin
    assert high - margin <= drawn.max() <= high + margin
    assert len(np.unique(drawn.round(4))) > 200

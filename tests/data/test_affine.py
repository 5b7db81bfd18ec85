"""The affine augmentation against scipy, exact cases, and the ranges of what is drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.augmentation import rotate_scale_and_shift, rotated_scaled_and_shifted


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
            scipy.ndimage.affine_transform(
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
    actual = rotated_scaled_and_shifted(
        x, jnp.float32(angle), jnp.float32(factor), jnp.array(distance, jnp.float32)
    )
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_whole_pixels_and_quarter_turns_are_exact_moves():
    x = image()
    moved = rotated_scaled_and_shifted(x, jnp.float32(0), jnp.float32(1), jnp.array([2.0, -1.0]))
    np.testing.assert_array_equal(moved[2:, :-1], x[:-2, 1:])
    assert not np.any(moved[:2]) and not np.any(moved[:, -1:])
    turned = rotated_scaled_and_shifted(x, jnp.float32(np.pi / 2), jnp.float32(1), jnp.zeros(2))
    np.testing.assert_allclose(turned, np.rot90(x), atol=1e-5)


def test_nothing_asked_is_nothing_done():
    for seed in range(5):
        same = rotate_scale_and_shift(image(), jax.random.key(seed), 0.0, 1.0, 0.0)
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
    moved = jax.vmap(lambda key: rotate_scale_and_shift(x, key, degrees, scale, pixels))(keys)
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

"""Augmentations against scipy.ndimage, as properties of what they keep, and with controls."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from research.data import augmentation as augment

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


def test_pad_and_crop_mirrors_at_the_edges():
    padded = np.pad(IMAGE, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = [padded[r : r + 9, c : c + 11].copy() for r in range(3) for c in range(3)]
    assert kinds(many(partial(augment.pad_and_crop, padding=1)), expected).min() > 15


def test_cutout_removes_one_square_and_nothing_else():
    images = many(partial(augment.cutout, size=3))
    gone = images == 0
    assert np.array_equal(images[~gone], np.broadcast_to(IMAGE, images.shape)[~gone])
    middles = set()
    for square in gone:
        assert np.array_equal(square[..., 0], square[..., 1])
        rows, columns = np.nonzero(square[..., 0])
        assert square[..., 0].sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert np.ptp(rows) < 3 and np.ptp(columns) < 3
        middles.add((int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())))
    assert len(middles) > 80  # Of 9 * 11 places.


@pytest.mark.parametrize("degrees", [0.0, 10.0, -33.0, 90.0, 180.0])
@pytest.mark.parametrize("factor", [1.0, 0.8, 1.3])
def test_rotation_and_scale_agree_with_scipy(degrees, factor):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / factor
    middle = (np.array(IMAGE.shape[:2]) - 1) / 2
    expected = np.stack(
        [
            ndimage.affine_transform(
                IMAGE[..., channel].astype(np.float64),
                turn,
                middle - turn @ middle,
                order=1,
                mode="grid-constant",
            )
            for channel in range(2)
        ],
        axis=-1,
    )
    ours = augment.rotated_scaled_and_shifted(jnp.asarray(IMAGE), angle, factor)
    np.testing.assert_allclose(ours, expected, atol=5e-6)
    # The other way round is another image, unless the turn is none or half.
    other = augment.rotated_scaled_and_shifted(jnp.asarray(IMAGE), -angle, factor)
    assert (np.abs(other - expected).max() > 0.05) == (degrees not in (0.0, 180.0))


def test_random_rotation_and_scale_stay_in_their_range():
    # A line of light through the middle tells the angle, its length the scale.
    line = np.zeros((41, 41, 1), np.float32)
    line[20, 10:31] = 1
    images = many(partial(augment.rotate_scale_and_shift, degrees=20.0, scale=1.2), line)[..., 0]
    rows, columns = np.mgrid[-20:21, -20:21]
    angles, lengths = [], []
    for image in images:
        spread = np.array(
            [
                [(image * rows**2).sum(), (image * rows * columns).sum()],
                [(image * rows * columns).sum(), (image * columns**2).sum()],
            ]
        )
        values, vectors = np.linalg.eigh(spread / image.sum())
        angles.append(np.rad2deg(np.arctan(vectors[0, 1] / vectors[1, 1])))
        lengths.append(np.sqrt(12 * values[1]))
    assert -21 < min(angles) < -17 and 17 < max(angles) < 21
    assert 0.8 * 21 < min(lengths) < 0.9 * 21 and 1.1 * 21 < max(lengths) < 1.25 * 21
    assert abs(np.mean(angles)) < 2.5


def test_integer_images_stay_integers():
    image = np.round(IMAGE * 255).astype(np.uint8)
    changes = [
        partial(augment.shift, pixels=1),
        augment.flip,
        partial(augment.cutout, size=2),
        partial(augment.pad_and_crop, padding=1),
        partial(augment.rotate_scale_and_shift, degrees=5.0, scale=1.1),
    ]
    for change in changes:
        assert many(change, image).dtype == np.uint8
    turned = augment.rotated_scaled_and_shifted(jnp.asarray(image), 0.3, 1.0).astype(jnp.float32)
    exact = augment.rotated_scaled_and_shifted(jnp.asarray(image, jnp.float32), 0.3, 1.0)
    assert float(jnp.abs(turned - exact).max()) <= 0.5


def test_a_batch_gives_each_image_its_own_key_and_repeats():
    images = jnp.broadcast_to(jnp.asarray(IMAGE), (64, *IMAGE.shape))
    change = augment.compose(augment.flip, partial(augment.shift, pixels=2))
    run = jax.jit(partial(augment.over_batch, change))
    first = np.asarray(run(images, jax.random.key(1)))
    assert len({image.tobytes() for image in first}) > 25  # Of 50 outcomes.
    assert np.array_equal(first, run(images, jax.random.key(1)))
    assert not np.array_equal(first, run(images, jax.random.key(2)))


def test_composed_steps_draw_apart():
    # Two flips in a row would always cancel if both had the same key.
    twice = augment.compose(augment.flip, augment.flip)
    counts = kinds(many(twice), [IMAGE, np.ascontiguousarray(IMAGE[:, ::-1])])
    assert counts.min() > 140
    same = lambda image, key: augment.flip(augment.flip(image, key), key)  # noqa: E731
    assert kinds(many(same), [IMAGE, np.ascontiguousarray(IMAGE[:, ::-1])])[1] == 0

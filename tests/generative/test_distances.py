"""Distances between sets of images, in cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from research.generative.distances import (
    compare_manifolds,
    frechet_distance,
    kernel_distance,
    nearest_neighbours,
    radii,
)


def normal(images: int, features: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((images, features))


def test_the_frechet_distance_by_scipys_root_of_a_matrix() -> None:
    true, made = normal(200, 6), normal(300, 6, 1) @ normal(6, 6, 2) + 0.5
    one, other = np.cov(true, rowvar=False), np.cov(made, rowvar=False)
    shift = np.sum((true.mean(axis=0) - made.mean(axis=0)) ** 2)
    expected = shift + np.trace(one + other - 2 * sqrtm(one @ other).real)
    assert frechet_distance(true, made) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(made, true) == pytest.approx(expected, rel=1e-8)


def test_a_shift_and_a_scale_of_a_normal_distribution_in_closed_form() -> None:
    true = normal(400)
    assert frechet_distance(true, true) == pytest.approx(0, abs=1e-9)
    moved = true + np.array([1.0, 2.0, 0.0, 0.0])
    assert frechet_distance(true, moved) == pytest.approx(5.0, rel=1e-9)
    centred = true - true.mean(axis=0)
    spread = np.trace(np.cov(true, rowvar=False))
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * spread, rel=1e-9)
    # A collapsed set has lost all of its spread, and more than features than images is no trouble.
    collapsed = np.repeat(true[:1], 400, axis=0)
    lost = np.sum((true.mean(axis=0) - true[0]) ** 2) + spread
    assert frechet_distance(true, collapsed) == pytest.approx(lost, rel=1e-9)
    assert np.isfinite(frechet_distance(normal(5, 50), normal(5, 50, 1)))


def test_the_kernel_distance_is_0_between_draws_of_one_distribution_and_not_of_two() -> None:
    same = kernel_distance(normal(4000), normal(4000, seed=1), block=500)
    assert abs(same.mean) < 4 * same.standard_error
    other = kernel_distance(normal(4000), normal(4000, seed=1) + 0.5, block=500)
    assert other.mean > 20 * other.standard_error
    # By pairs, as the estimate is written.
    x, y = normal(5), normal(5, seed=1)
    kernel = [[(a @ b / 4 + 1) ** 3 for b in (*x, *y)] for a in (*x, *y)]
    k = np.array(kernel)
    apart = ~np.eye(5, dtype=bool)
    expected = k[:5, :5][apart].mean() + k[5:, 5:][apart].mean() - 2 * k[:5, 5:].mean()
    assert kernel_distance(x, y).mean == pytest.approx(expected, rel=1e-9)


def test_manifolds_of_the_same_a_collapsed_and_a_far_set() -> None:
    true = normal(300)
    same = compare_manifolds(true, true, 3)
    assert same.precision == same.recall == same.coverage == 1
    # An image alone is true enough, and covers little: its own neighbourhood.
    middle = true[[np.argmin(np.sum(true**2, axis=1))]] + 1e-3 * normal(300, seed=3)
    collapsed = compare_manifolds(true, middle, 3)
    assert collapsed.precision == 1 and collapsed.coverage < 0.1 and collapsed.recall < 0.1
    far = compare_manifolds(true, true + 100, 3)
    assert far == (0, 0, 0, 0)


def test_manifolds_by_all_pairs() -> None:
    true, made, k = normal(40), 0.7 * normal(50, seed=1) + 0.3, 4
    reach = [np.sort(cdist(x, x), axis=1)[:, k] for x in (true, made)]
    across = cdist(true, made)
    inside = across <= reach[0][:, None]
    found = compare_manifolds(true, made, k)
    assert found.precision == pytest.approx(inside.any(axis=0).mean())
    assert found.recall == pytest.approx((across <= reach[1]).any(axis=1).mean())
    assert found.density == pytest.approx(inside.sum() / (k * 50))
    assert found.coverage == pytest.approx(inside.any(axis=1).mean())
    np.testing.assert_allclose(radii(true, k), reach[0] ** 2, rtol=1e-9)


def test_a_memorised_set_is_found_by_its_neighbours() -> None:
    true = normal(100)
    places, distances = nearest_neighbours(true[::-1] + 1e-9, true)
    assert list(places) == list(range(99, -1, -1)) and np.max(distances) < 1e-12
    assert np.min(nearest_neighbours(normal(100, seed=5), true)[1]) > 1e-4


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="two images"):
        kernel_distance(normal(1), normal(5))
    with pytest.raises(ValueError, match="more than 5"):
        compare_manifolds(normal(5), normal(50))

"""Principal components against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from research.generative.components import fit_components
from research.generative.linear import compare_with_components, points_near_a_plane


def test_components_are_scikit_learns_and_padding_counts_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 17, (50, 3, 4, 1)).astype(np.uint8)
    weight = np.ones(50)
    weight[40:] = 0
    batches = [{"image": pixels[a:b], "weight": weight[a:b]} for a, b in ((0, 30), (30, 50))]
    found = fit_components(batches, 5, white=16)
    flat = pixels[:40].reshape(40, -1) / 16
    expected = PCA(5).fit(flat)
    angles = subspace_angles(found.directions.T, expected.components_.T)
    assert np.max(np.abs(angles)) < 1e-6
    made = expected.inverse_transform(expected.transform(flat))
    np.testing.assert_allclose(found.project(pixels[:40] / 16).reshape(40, -1), made, atol=1e-9)


def test_angle_and_error_of_a_plane_are_those_of_scipy_and_scikit_learn() -> None:
    points = points_near_a_plane()
    decoder = np.random.default_rng(1).standard_normal((2, 3)).astype(np.float32)
    found = compare_with_components(decoder, points)
    pca = PCA(2).fit(points)
    angle = np.degrees(np.max(subspace_angles(decoder.T, pca.components_.T)))
    assert found["points/angle"] == pytest.approx(angle, rel=1e-5)
    left = points - pca.inverse_transform(pca.transform(points))
    assert found["points/pca_mse"] == pytest.approx(np.mean(left**2), rel=1e-4)
    turned = np.float32([[2.0, 1.0], [0.5, -1.0]]) @ pca.components_
    assert compare_with_components(turned, points)["points/angle"] < 1e-3

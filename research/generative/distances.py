"""How far images that were made are from true ones, in the feature space of a classifier.

Each function takes features float `[images, features]` of both, on the host, and is computed in
float64. Figures depend on the net that makes the features: those of one net cannot be compared
with those of another, Inception's among them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_ROWS = 1000
"""Rows of a matrix of distances that are in memory at once."""


def frechet_distance(true: np.ndarray, made: np.ndarray) -> float:
    """The squared Fréchet distance of the normal distributions with their means and covariances.

    Source: Dowson and Landau 1982; Heusel et al. 2017 (arXiv 1706.08500), eq. 6.
    """
    means, covariances = [], []
    for features in (true, made):
        features = features.astype(np.float64)
        means.append(features.mean(axis=0))
        covariances.append(np.atleast_2d(np.cov(features, rowvar=False)))
    # The trace of the root of C1 C2 is that of the root of the symmetric C1^½ C2 C1^½.
    root = _root(covariances[0])
    shared = np.linalg.eigvalsh(root @ covariances[1] @ root)
    apart = float(np.sum((means[0] - means[1]) ** 2))
    traces = float(np.trace(covariances[0]) + np.trace(covariances[1]))
    return max(0.0, apart + traces - 2 * float(np.sum(np.sqrt(np.maximum(shared, 0.0)))))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


class KernelDistance(NamedTuple):
    """An estimate without bias, which can be below 0.

    Attributes:
        mean: over blocks.
        standard_error: of that mean.
    """

    mean: float
    standard_error: float


def kernel_distance(true: np.ndarray, made: np.ndarray, block: int = 1000) -> KernelDistance:
    """The squared maximum mean discrepancy by the kernel (x · y / features + 1)³.

    Blocks of `block` images of each, in the order in which they are given, are measured one by
    one.

    Raises:
        ValueError: there are fewer than two of either.

    Source: Bińkowski et al. 2018 (arXiv 1801.01401), section 4; the estimate: Gretton et al. 2012,
    eq. 3.
    """
    size = min(block, len(true), len(made))
    if size < 2:
        raise ValueError("a kernel distance takes two images at least of each")
    found = []
    for start in range(0, min(len(true), len(made)) - size + 1, size):
        x = true[start : start + size].astype(np.float64)
        y = made[start : start + size].astype(np.float64)
        within = [
            (np.sum(k) - np.trace(k)) / (size * (size - 1)) for k in (_cubic(x, x), _cubic(y, y))
        ]
        found.append(sum(within) - 2 * np.mean(_cubic(x, y)))
    spread = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
    return KernelDistance(float(np.mean(found)), float(spread))


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1.0) ** 3


class Manifolds(NamedTuple):
    """How far two sets of images cover each other, by balls around each image.

    A ball reaches to the `nearest`-th neighbour in its own set.

    Attributes:
        precision: share of made images within a ball of a true one.
        recall: share of true images within a ball of a made one.
        density: balls of true images that a made image lies in, over `nearest`, on average; it can
            be above 1.
        coverage: share of true images in whose ball a made image lies.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def compare_manifolds(true: np.ndarray, made: np.ndarray, nearest: int = 5) -> Manifolds:
    """Precision and recall, density and coverage.

    Raises:
        ValueError: a set has not more than `nearest` images.

    Sources: Kynkäänniemi et al. 2019 (arXiv 1904.06991), eq. 1 and 2; Naeem et al. 2020 (arXiv
    2002.09797), eq. 4 and 5.
    """
    if min(len(true), len(made)) <= nearest:
        raise ValueError(f"each set needs more than {nearest} images")
    of_true, of_made = (radii(features, nearest) for features in (true, made))
    inside_true = np.zeros(len(made))
    recalled, covered = np.zeros(len(true), bool), np.zeros(len(true), bool)
    for start in range(0, len(true), _ROWS):
        rows = slice(start, start + _ROWS)
        distance = squared_distances(true[rows], made)
        within = distance <= of_true[rows, None]
        inside_true += within.sum(axis=0)
        covered[rows] = within.any(axis=1)
        recalled[rows] = (distance <= of_made).any(axis=1)
    return Manifolds(
        float(np.mean(inside_true > 0)),
        float(np.mean(recalled)),
        float(np.mean(inside_true) / nearest),
        float(np.mean(covered)),
    )


def radii(features: np.ndarray, nearest: int) -> np.ndarray:
    """The squared distance of each image's `nearest`-th neighbour in its own set, `[images]`."""
    found = []
    for start in range(0, len(features), _ROWS):
        distance = squared_distances(features[start : start + _ROWS], features)
        # The nearest is the image itself.
        found.append(np.partition(distance, nearest, axis=1)[:, nearest])
    return np.concatenate(found)


def nearest_neighbours(images: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each image the place of the nearest one `among` others, and its squared distance."""
    places, distances = [], []
    for start in range(0, len(images), _ROWS):
        distance = squared_distances(images[start : start + _ROWS], among)
        places.append(distance.argmin(axis=1))
        distances.append(distance.min(axis=1))
    return np.concatenate(places), np.concatenate(distances)


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of each row of `x` from each row of `y`, float64 `[rows of x, rows of y]`."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    squares = np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1)
    return np.maximum(squares - 2 * x @ y.T, 0.0)

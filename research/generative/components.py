"""Principal component analysis of images: what a linear code of the same size would do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from research.engine.experiment import Batch


class Components(NamedTuple):
    """The plane of the largest variance.

    Attributes:
        mean: float64 `[pixels]`.
        directions: float64 `[units, pixels]`, orthonormal, of the largest variance first.
    """

    mean: np.ndarray
    directions: np.ndarray

    def project(self, image: np.ndarray) -> np.ndarray:
        """The images in the plane that are nearest to `image`, `[batch, ...]` each."""
        centred = image.reshape(image.shape[0], -1) - self.mean
        made = centred @ self.directions.T @ self.directions + self.mean
        return made.reshape(image.shape)


def fit_components(batches: Iterable[Batch], units: int, white: int) -> Components:
    """The components of a split, from its sums of products, on the host.

    Args:
        batches: of the split, with `image` uint8 `[batch, height, width, channels]` and `weight`.
        units: how many.
        white: the pixel value that becomes 1.

    Source: Jolliffe 2002, "Principal component analysis", chapter 1.
    """
    count, total, products = 0.0, np.zeros(()), np.zeros(())
    for batch in batches:
        weight = np.asarray(batch["weight"]) > 0
        pixels = np.asarray(batch["image"], np.float64)[weight].reshape(int(weight.sum()), -1)
        pixels = pixels / white
        count, total = count + len(pixels), total + pixels.sum(axis=0)
        products = products + pixels.T @ pixels
    mean = total / count
    _, directions = np.linalg.eigh(products / count - np.outer(mean, mean))
    return Components(mean, directions.T[::-1][:units])

"""Buckets: the interval of a number in place of the number itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from research.data.features.statistics import Array, Statistics, known_by_feature, namespace


@dataclass(frozen=True)
class Buckets(Statistics):
    """Intervals between edges: bucket k holds what is at least edge k - 1 and less than edge k.

    Attributes:
        edges: rising, each exactly a float32, so that host and device compare with the same.

    Raises:
        ValueError: if they do not rise, or are not float32.
    """

    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        exact = np.asarray(self.edges, np.float32).astype(np.float64)
        if not (exact == self.edges).all():
            raise ValueError("edges must be float32 numbers; round them by numpy.float32 first")
        if not (np.diff(exact) > 0).all() or not np.isfinite(exact).all():
            raise ValueError(f"edges must rise, and be finite: {self.edges}")

    def __len__(self) -> int:
        """How many buckets there are, one more than edges."""
        return len(self.edges) + 1


def fit_quantiles(values: np.ndarray, count: int) -> Buckets:
    """Buckets that hold equally many of the training examples each, as far as equal numbers allow.

    Args:
        values: numbers `[examples]`, missing ones (NaN) left out.
        count: of buckets, at least 2. Where quantiles coincide there are fewer.

    Raises:
        ValueError: if none is known, or the count is too small.

    Source: Hyndman and Fan 1996, "Sample Quantiles in Statistical Packages", definition 7.
    """
    if count < 2:
        raise ValueError(f"{count} is too few buckets; take 2 or more")
    (known,) = known_by_feature(np.reshape(values, (-1, 1)).astype(np.float32))
    inner = np.quantile(known, np.arange(1, count) / count).astype(np.float32)
    inner = inner[(inner > known.min()) & (inner < known.max())]
    return Buckets(tuple(np.unique(inner).tolist()))


def find_buckets(statistics: Buckets, values: Array) -> Array:
    """The bucket of each number `[...]`, int32, from 0 to the number of edges.

    Numbers are compared as float32. One that is missing (NaN) is in bucket 0: fill it before.
    """
    edges = np.asarray(statistics.edges, np.float32)
    beyond = values[..., None].astype(np.float32) >= edges
    return namespace(values).sum(beyond, axis=-1, dtype=np.int32)

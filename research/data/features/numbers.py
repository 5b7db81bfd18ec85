"""Numbers as a net likes them: missing ones filled and marked, mean 0 and deviation 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from research.data.features.statistics import (
    Array,
    Statistics,
    exact_sum,
    known_by_feature,
    namespace,
)


@dataclass(frozen=True)
class Normalization(Statistics):
    """Of each feature.

    Attributes:
        mean: of the known numbers.
        deviation: the standard deviation of them all (not of a sample); 1 of a constant feature.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def fit_normalization(values: np.ndarray) -> Normalization:
    """Mean and deviation of numbers `[..., features]`, missing ones (NaN) left out.

    Raises:
        ValueError: if a feature has no known number, or an infinite one.
    """
    moments = [_moments(known) for known in known_by_feature(values)]
    return Normalization(*(tuple(each) for each in zip(*moments, strict=True)))


def _moments(known: np.ndarray) -> tuple[float, float]:
    if known.min() == known.max():  # A rounded mean would leave a deviation of rounding errors.
        return float(known[0]), 1.0
    mean = exact_sum(known) / len(known)
    return mean, math.sqrt(exact_sum((known - mean) ** 2) / len(known))


def normalize(statistics: Normalization, values: Array) -> Array:
    """(x - mean) / deviation of float `[..., features]`, in their dtype; NaN stays."""
    mean, deviation = (
        np.asarray(each, values.dtype) for each in (statistics.mean, statistics.deviation)
    )
    return (values - mean) / deviation


Center = Literal["median", "mean"]
"""What stands for a missing number."""


@dataclass(frozen=True)
class Filling(Statistics):
    """Of each feature.

    Attributes:
        value: what stands for a missing number.
        missing: whether any was missing in training.
    """

    value: tuple[float, ...]
    missing: tuple[bool, ...]


def fit_filling(values: np.ndarray, center: Center = "median") -> Filling:
    """What to fill missing numbers (NaN) of `[..., features]` with: the centre of the known ones.

    Raises:
        ValueError: if a feature has no known number, or an infinite one.
    """
    features = known_by_feature(values)
    rows = np.size(values) // len(features)
    if center == "median":
        value = tuple(float(np.median(known)) for known in features)
    else:
        value = tuple(exact_sum(known) / len(known) for known in features)
    return Filling(value, tuple(len(known) < rows for known in features))


def fill_missing(statistics: Filling, values: Array) -> Array:
    """The same numbers, float `[..., features]`, none of them missing."""
    value = np.asarray(statistics.value, values.dtype)
    xp = namespace(values)
    return xp.where(xp.isnan(values), value, values)


def mark_missing(statistics: Filling, values: Array) -> Array:
    """1 where a number is missing, else 0: float32 `[..., features that lacked some in training]`.

    A feature that lacked none has no place, for nothing could be learned of it.
    """
    places = np.flatnonzero(statistics.missing)
    return namespace(values).isnan(values[..., places]).astype(np.float32)

"""Streaming metrics written by hand: what batches add up to, however the examples are cut."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

BINS = 1024
WIDEST = 8.0
"""Errors beyond count as this."""


class ErrorCounts(NamedTuple):
    """How many errors lie in each of equal bins from 0 to `WIDEST`; the median needs no more.

    Whole numbers, and their sums are exact to 2**24: the same bits for any batches in any order.

    Attributes:
        counts: float32 `[BINS]`.
    """

    counts: jax.Array


def count_errors(predicted: jax.Array, value: jax.Array, weight: jax.Array) -> ErrorCounts:
    """The errors of one batch, `[batch]` each; rows of weight 0 are padding and count nothing."""
    size = jnp.abs(predicted - value)
    place = jnp.clip((size * (BINS / WIDEST)).astype(jnp.int32), 0, BINS - 1)
    return ErrorCounts(jnp.zeros(BINS).at[place].add(weight))


def merge(left: ErrorCounts, right: ErrorCounts) -> ErrorCounts:
    """Two parts of a split as one."""
    return ErrorCounts(left.counts + right.counts)


def median_error(errors: ErrorCounts) -> jax.Array:
    """The upper edge of the bin that holds the median; at most one bin, 1/128, too large."""
    below = jnp.cumsum(errors.counts)
    bin_of_median = jnp.argmax(below >= below[-1] / 2)
    return (bin_of_median + 1) * (WIDEST / BINS)

"""Distributions of returns over fixed values: support, projection and loss (C51)."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def support(low: jax.Array | float, high: jax.Array | float, atoms: int) -> jax.Array:
    """The returns that a distribution can give, evenly spaced, float32 `[atoms]`."""
    return low + (high - low) * jnp.arange(atoms, dtype=jnp.float32) / (atoms - 1)


def expectation(logits: jax.Array, returns: jax.Array) -> jax.Array:
    """Mean return, float32 `[...]`, of distributions with logits `[..., atoms]`."""
    return jnp.sum(jax.nn.softmax(logits) * returns, axis=-1)


def project(
    probability: jax.Array, moved: jax.Array, low: jax.Array | float, high: jax.Array | float
) -> jax.Array:
    """A distribution over other values, put on the fixed ones.

    Each value is shared by its two neighbours in proportion to nearness; what lies outside is put
    on the edge.

    Args:
        probability: float32 `[batch, atoms]`.
        moved: float32 `[batch, atoms]`, the values that have these probabilities.
        low: the smallest fixed value.
        high: the largest.

    Returns:
        float32 `[batch, atoms]`.

    Source: Bellemare et al. 2017 (arXiv 1707.06887), eq. 7.
    """
    atoms = probability.shape[-1]
    gap = (high - low) / (atoms - 1)
    place = (jnp.clip(moved, low, high) - low) / gap
    # The triangle of eq. 7 for every pair: a product instead of a scatter.
    near = jnp.clip(1.0 - jnp.abs(place[:, None, :] - jnp.arange(atoms)[None, :, None]), 0.0, 1.0)
    return jnp.sum(near * probability[:, None, :], axis=-1)


def cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
    """-Σ p log q, float32 `[batch]`, of logits and target probabilities `[batch, atoms]`."""
    return -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)

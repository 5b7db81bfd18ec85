"""A loss and a penalty written by hand."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def huber(predicted: jax.Array, value: jax.Array, delta: float = 1.0) -> jax.Array:
    """e² / 2 where |e| ≤ δ, and δ |e| - δ² / 2 beyond, of the error e of each prediction.

    Args:
        predicted: float `[...]`.
        value: of the same shape.
        delta: where the parabola becomes a line.

    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """
    size = jnp.abs(predicted - value)
    return jnp.where(size <= delta, 0.5 * size**2, delta * size - 0.5 * delta**2)


def absolute_penalty(kernel: jax.Array, rate: jax.Array | float) -> jax.Array:
    """The regulariser rate · Σ |w| of a layer's weights, a scalar.

    Its gradient, rate · sign(w), draws small weights to 0, and large ones no faster. At 0 JAX takes
    the slope from the right. Source: Tibshirani 1996 (lasso).
    """
    return rate * jnp.sum(jnp.abs(kernel))


def made_nonnegative(layer: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The constraint w ≥ 0, a projection: negative weights of a layer become 0, its bias stays.

    It follows the optimiser's step: "projected gradient descent".
    """
    return {**layer, "kernel": jnp.maximum(layer["kernel"], 0.0)}

"""Orthogonal initial weights, the same from one key on every CPU and in any population."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from research.layers.factorisation import orthonormal_columns

Initializer = Callable[..., jax.Array]
"""(key, shape, dtype) -> initial weights."""


def orthogonal(scale: float) -> Initializer:
    """Orthogonal initialisation (Saxe et al. 2014, arXiv 1312.6120), one member at a time.

    Weights `[..., outputs]` are a matrix with a column for each output; of its columns or rows,
    whichever are fewer, all have length `scale` and are orthogonal. They are drawn as by
    `jax.nn.initializers.orthogonal`, and equal to those but for rounding.

    Under `jax.vmap` it runs in sequence, so that a member's parameters do not depend on how many
    members there are.

    Source: Mezzadri 2007, "How to generate random matrices from the classical compact groups".
    """

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        rows, columns = math.prod(shape[:-1]), shape[-1]

        def draw(key: jax.Array) -> jax.Array:
            tall = max(rows, columns), min(rows, columns)
            found = orthonormal_columns(jax.random.normal(key, tall, dtype))
            return jnp.asarray(scale, dtype) * (found if rows >= columns else found.T)

        return jax.custom_batching.sequential_vmap(draw)(key).reshape(shape)

    return init

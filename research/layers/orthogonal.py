"""Orthogonal initial weights, drawn alike however many members a population has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Initializer = Callable[..., jax.Array]
"""(key, shape, dtype) -> initial weights."""


def orthogonal(scale: float) -> Initializer:
    """Orthogonal initialisation (Saxe et al. 2014, arXiv 1312.6120), one member at a time.

    Under `jax.vmap` it runs in sequence: a batched QR decomposition was seen to hang on CPU, and
    this way a member's parameters do not depend on how many members there are.
    """
    initializer = nn.initializers.orthogonal(scale)

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        draw = jax.custom_batching.sequential_vmap(lambda key: initializer(key, shape, dtype))
        return draw(key)

    return init

"""Keys: derived from (seed, purpose, step), never carried, never reused."""

from __future__ import annotations

import zlib
from typing import Literal

import jax
import jax.numpy as jnp

Purpose = Literal[
    "init", "update", "evaluate", "judge", "order", "data", "artifacts", "play", "sample"
]


def stream(seed: jax.Array | int, purpose: Purpose) -> jax.Array:
    """The key of everything that a run draws for one purpose.

    `seed` is a uint32 scalar, traced or not; two purposes give unrelated streams.
    """
    return jax.random.fold_in(jax.random.key(jnp.uint32(seed)), zlib.crc32(purpose.encode()))


def at_step(stream_key: jax.Array, step: jax.Array | int) -> jax.Array:
    """The key of one step in a stream."""
    return jax.random.fold_in(stream_key, step)

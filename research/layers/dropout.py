"""Dropout whose rate is a traced value."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def dropout(
    x: jax.Array, rate: jax.Array | float, key: jax.Array, *, mostly_zero: bool = False
) -> jax.Array:
    """`x` with each entry zeroed with probability `rate`, the others divided by `1 - rate`.

    Args:
        x: `[...]`, floating.
        rate: scalar in [0, 1), traced or not (`flax.linen.Dropout` needs it at trace time).
        key: a fresh key.
        mostly_zero: whether to ask for the rate before drawing, so that one of 0 costs nothing
            (but in a vmap over rates).

    Source: Srivastava et al. 2014, "Dropout", in its inverted form (section 10).
    """
    keep = 1.0 - jnp.asarray(rate, jnp.float32)

    def some(x: jax.Array) -> jax.Array:
        kept = jax.random.uniform(key, x.shape, jnp.float32) < keep
        return jnp.where(kept, x / keep.astype(x.dtype), jnp.zeros_like(x))

    return jax.lax.cond(keep < 1.0, some, lambda x: x, x) if mostly_zero else some(x)

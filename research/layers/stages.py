"""Stages of a computation that the compiler keeps apart, on CPU too.

XLA's CPU backend drops `optimization_barrier` and fuses elementwise work into every consumer. A
value with many consumers is then computed many times, once in each. A branch on a predicate that
the compiler cannot know is a border that it does not fuse across.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from research.engine.groups import traced_once

Tree = TypeVar("Tree")


def opaque_true(x: jax.Array) -> jax.Array:
    """True, which the compiler does not know because it reads `x` to find out.

    Args:
        x: float32 `[...]`, not empty, computed or given at run time; any value will do, NaN too.

    Returns:
        Bool scalar, always true. Under `vmap` one scalar for all members, so that a branch on it
        stays a branch.
    """
    return _of_first(lax.stop_gradient(x[(0,) * x.ndim]).astype(jnp.float32))


@jax.custom_batching.custom_vmap
def _of_first(first: jax.Array) -> jax.Array:
    return (lax.bitcast_convert_type(first, jnp.int32) | 1) != 0


@_of_first.def_vmap
def _one_for_all(
    axis_size: int, in_batched: list[bool], first: jax.Array
) -> tuple[jax.Array, bool]:
    del axis_size
    return _of_first(first[0] if in_batched[0] else first), False


def stage(make: Callable[[], Tree], predicate: jax.Array) -> Tree:
    """What `make` gives, in memory of its own before anything is computed with it.

    What `make` closes over is in memory before it begins. That holds on CPU; elsewhere it is a
    branch that costs a little.

    Args:
        make: computes a pytree of arrays.
        predicate: of `opaque_true`.
    """
    make = traced_once(make)
    shapes = jax.eval_shape(make)

    def nothing() -> Tree:
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    return lax.cond(predicate, make, nothing)

"""All devices' parts of a pytree on every device, in one message."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp


def all_gather(tree: Any, axis: str) -> Any:
    """As `jax.lax.all_gather(tree, axis, tiled=True)`, but one collective for all leaves.

    One is faster than many; and XLA's CPU backend runs independent collectives in an order of its
    own in each process, which ends processes that are joined by Gloo.

    Args:
        tree: leaves `[n, ...]` of numbers or bools.
        axis: a mesh axis, within `shard_map`.

    Returns:
        Leaves `[devices * n, ...]`, in the order of devices.
    """
    leaves, structure = jax.tree.flatten(tree)
    if not leaves:
        return tree
    words = jnp.concatenate([_words(leaf) for leaf in leaves])
    gathered = jax.lax.all_gather(words, axis)
    parts, at = [], 0
    for leaf in leaves:
        size = _words_of(leaf)
        part = jax.vmap(lambda own, leaf=leaf: _leaf(own, leaf))(gathered[:, at : at + size])
        parts.append(part.reshape(-1, *leaf.shape[1:]))
        at += size
    return jax.tree.unflatten(structure, parts)


def _words(leaf: jax.Array) -> jax.Array:
    """The leaf's bits as uint32 `[words]`; numbers of less than four bytes take one each."""
    if leaf.dtype == jnp.bool_:
        bits = leaf.astype(jnp.uint32)
    elif leaf.dtype.itemsize >= 4:
        bits = jax.lax.bitcast_convert_type(leaf, jnp.uint32)
    else:
        small = jax.lax.bitcast_convert_type(leaf, _unsigned(leaf))
        bits = small.astype(jnp.uint32)
    return bits.reshape(-1)


def _words_of(leaf: jax.Array) -> int:
    return leaf.size * math.ceil(leaf.dtype.itemsize / 4)


def _leaf(words: jax.Array, like: jax.Array) -> jax.Array:
    """What `_words` took apart."""
    if like.dtype == jnp.bool_:
        return (words != 0).reshape(like.shape)
    if like.dtype.itemsize < 4:
        small = words.astype(_unsigned(like))
        return jax.lax.bitcast_convert_type(small, like.dtype).reshape(like.shape)
    wide = like.dtype.itemsize // 4
    shape = like.shape if wide == 1 else (*like.shape, wide)
    return jax.lax.bitcast_convert_type(words.reshape(shape), like.dtype)


def _unsigned(leaf: jax.Array) -> Any:
    return jnp.uint8 if leaf.dtype.itemsize == 1 else jnp.uint16

"""Work that is cut into a fixed number of groups, wherever the groups are computed.

A batch's gradient is the sum over its groups in a fixed tree. How many devices share the groups
changes which device computes which, and nothing that is computed: one device, two or eight give the
same bits. Within `shard_map` over an axis called `AXIS` the groups are shared by its devices;
outside of one, this device computes them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from research.engine.experiment import Key

AXIS = "groups"


def devices_sharing() -> int:
    """The number of devices that share the groups here."""
    try:
        return jax.lax.axis_size(AXIS)
    except NameError:
        return 1


def over_groups(function: Callable[[Any, Key], Any], groups: int, stacked: Any, key: Key) -> Any:
    """The results of all groups, `[groups, ...]`, the same on every device.

    Each group is one turn of a loop whose length the compiler does not know, so that its program
    is the same for any number of turns (a loop of one turn would be taken apart and fused).

    Args:
        function: (a group's part of `stacked`, the group's key) -> a pytree of arrays.
        groups: how many; a multiple of the devices that share them.
        stacked: leaves `[groups, ...]`, the same on every device.
        key: group `i` is given `fold_in(key, i)`.

    Raises:
        ValueError: the devices do not divide the groups.
    """
    devices = devices_sharing()
    if groups % devices:
        raise ValueError(f"{devices} devices cannot share {groups} groups evenly")
    here = groups // devices
    first = jax.lax.axis_index(AXIS) * here if devices > 1 else 0

    def one(turn: jax.Array) -> Any:
        group = first + turn
        part = jax.tree.map(
            lambda leaf: jax.lax.dynamic_index_in_dim(leaf, group, keepdims=False), stacked
        )
        return function(part, jax.random.fold_in(key, group))

    shapes = jax.eval_shape(one, jnp.int32(0))
    room = jax.tree.map(lambda leaf: jnp.zeros((here, *leaf.shape), leaf.dtype), shapes)

    def put(turn: jax.Array, results: Any) -> Any:
        return jax.tree.map(
            lambda all_, new: jax.lax.dynamic_update_index_in_dim(all_, new, turn, 0),
            results,
            one(turn),
        )

    results = jax.lax.fori_loop(0, _unknown(here, key), put, room)
    if devices == 1:
        return results
    return jax.lax.all_gather(results, AXIS, tiled=True)


def fold(stacked: Any) -> Any:
    """The sum over groups in a fixed tree: neighbours first, then neighbours of these.

    Args:
        stacked: leaves `[groups, ...]`.
    """

    def total(leaf: jax.Array) -> jax.Array:
        while leaf.shape[0] > 1:
            pairs = leaf.shape[0] // 2
            rest = leaf[2 * pairs :]
            leaf = jnp.concatenate([leaf[0 : 2 * pairs : 2] + leaf[1 : 2 * pairs : 2], rest])
        return leaf[0]

    return jax.tree.map(total, stacked)


def _unknown(number: int, key: Key) -> jax.Array:
    """The same number, as one that the compiler cannot know.

    It does not see that the bits of a key are never all zero once the last of them is set.
    """
    bits = jax.random.key_data(key).reshape(-1)[0] | jnp.uint32(1)
    return jnp.where(bits != 0, jnp.int32(number), jnp.int32(0))

"""The device mesh: a grid of members by groups, and arrays laid on its devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from research.engine import groups
from research.engine.leaves import is_key
from research.errors import Mistake

MEMBERS = "members"
EACH = PartitionSpec(MEMBERS)
"""One part of the first axis on each device of the `members` axis."""
EVERYWHERE = PartitionSpec()
"""All of it on every device."""

COMPILER_OPTIONS = {"xla_disable_hlo_passes": "cse"}
"""With what every program is compiled, so that one for several devices is the same as that for one
but for who does what. XLA merges equal computations of a program for several devices before it
simplifies anything, in one for a single device after; what is simplified and fused depends on it,
and with it the last bit. Merging none costs nothing that could be measured."""


def shape_of(devices: int, blocks: int, group_count: int) -> tuple[int, int]:
    """How many devices members are spread over, and how many share the groups of each member.

    Members come first: they need nothing of one another.

    Raises:
        Mistake: some devices would have nothing to do.
    """
    shapes = [
        (devices // share, share)
        for share in range(1, group_count + 1)
        if group_count % share == 0 and devices % share == 0 and devices // share <= blocks
    ]
    if shapes:
        return max(shapes)
    batch = f"{group_count} groups" if group_count > 1 else "one group, which cannot be shared"
    members = f"{blocks} blocks of members, and " if blocks > 1 else ""
    shares = [share for share in range(1, group_count + 1) if group_count % share == 0]
    possible = sorted({share * spread for share in shares for spread in range(1, blocks + 1)})
    fewer = ", ".join(str(count) for count in [c for c in possible if c <= devices][-8:])
    raise Mistake(
        f"--devices {devices}: this run has {members}batches of {batch}; devices that share "
        f"groups must divide them: it can use {fewer} (--groups N makes another run)"
    )


def make_mesh(devices: Sequence[jax.Device], shape: tuple[int, int]) -> Mesh:
    """A grid of devices, members by groups."""
    return Mesh(np.array(devices).reshape(shape), (MEMBERS, groups.AXIS))


def over(mesh: Mesh, function: Callable, inputs: Any, outputs: Any) -> Callable:
    """The function on each device of the mesh; within it groups are shared by devices."""
    return jax.shard_map(function, mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False)


def lay(tree: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """Arrays that every process has whole, laid on the mesh's devices.

    On devices of several processes only `EVERYWHERE`.
    """
    sharding = NamedSharding(mesh, spec)
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def everywhere(leaf: Any) -> jax.Array:
        if is_key(leaf):
            key_type = jax.random.key_impl(leaf)
            return jax.random.wrap_key_data(everywhere(jax.random.key_data(leaf)), impl=key_type)
        # `device_put` would have the processes compare their copies, leaf by leaf.
        copies = [jax.device_put(leaf, device) for device in sharding.addressable_devices]
        return jax.make_array_from_single_device_arrays(np.shape(leaf), sharding, copies)

    return jax.tree.map(everywhere, tree)


def here(tree: Any) -> Any:
    """Arrays that every device has whole, as they lie on this process's first device."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def whole(tree: Any) -> Any:
    """Arrays that this process can read all of; what is no array of JAX's stays as it is."""

    def readable(leaf: Any) -> Any:
        elsewhere = isinstance(leaf, jax.Array) and not leaf.is_fully_addressable
        return leaf.addressable_data(0) if elsewhere else leaf

    return jax.tree.map(readable, tree)

"""Groups: work cut into a fixed number of parts, with the same bits on any number of devices.

A batch's gradient is the sum over its groups in a fixed tree. How many devices share the groups
changes which device computes which, and nothing that is computed: one device, two or eight give the
same bits. Within `shard_map` over an axis called `AXIS` the groups are shared by its devices;
outside of one, this device computes them all. What must not be fused with what uses it is
`materialised`; what is used in many places is `traced_once`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from research.engine.experiment import Key

AXIS = "groups"


Merge: TypeAlias = Callable[[Any, Any], Any]
"""Two pytrees -> one of the same structure, leaf by leaf and entry by entry."""


def _add(left: Any, right: Any) -> Any:
    return jax.tree.map(jnp.add, left, right)


def devices_sharing() -> int:
    """The number of devices that share the groups here."""
    try:
        return jax.lax.axis_size(AXIS)
    except NameError:
        return 1


def over_groups(
    function: Callable[[Any, Key], tuple[Any, Any]],
    groups: int,
    stacked: Any,
    key: Key,
    merge: Merge = _add,
) -> tuple[Any, Any]:
    """What all groups come to together, and what each of them gave, the same on every device.

    Each group is one turn of a loop whose length the compiler does not know, so that its program
    is the same for any number of turns (a loop of one turn would be taken apart and fused). A
    single group, which no two devices can share, needs no loop.

    Args:
        function: (a group's part of `stacked`, the group's key) -> a pair of pytrees of arrays:
            what is folded, and what is kept of each group.
        groups: how many; a multiple of the devices that share them.
        stacked: leaves `[groups, ...]`, the same on every device.
        key: group `i` is given `fold_in(key, i)`.
        merge: how two groups become one; as `fold` takes it.

    Returns:
        The first of the pair, folded over groups; the second, leaves `[groups, ...]`.

    Raises:
        ValueError: the devices do not divide the groups.
    """
    devices = devices_sharing()
    if groups % devices:
        raise ValueError(f"{devices} devices cannot share {groups} groups evenly")
    here = groups // devices
    first = jax.lax.axis_index(AXIS) * here if devices > 1 else 0

    def one(turn: jax.Array | int) -> tuple[Any, Any]:
        group = first + turn
        part = jax.tree.map(
            lambda leaf: jax.lax.dynamic_index_in_dim(leaf, group, keepdims=False), stacked
        )
        return function(part, jax.random.fold_in(key, group))

    if groups == 1:
        folded, kept = one(0)
        return folded, jax.tree.map(lambda leaf: leaf[None], kept)

    one = traced_once(one)
    shapes = jax.eval_shape(one, 0)  # of the weak type that the loop counts in
    room = jax.tree.map(lambda leaf: jnp.zeros((here, *leaf.shape), leaf.dtype), shapes)

    def put(turn: jax.Array, results: Any) -> Any:
        return jax.tree.map(
            lambda all_, new: jax.lax.dynamic_update_index_in_dim(all_, new, turn, 0),
            results,
            one(turn),
        )

    always = _always(key)
    turns = jnp.where(always, jnp.int32(here), 0)
    folded, kept = jax.lax.fori_loop(0, turns, put, room)
    if here & (here - 1) == 0:
        # So many neighbours make a whole branch of the tree: what is sent is smaller, the sum is
        # the same.
        folded = jax.tree.map(lambda leaf: leaf[None], fold(folded, merge))
    if devices > 1:
        folded, kept = all_gather((folded, kept), AXIS)
    # Apart: how much of the tree is left to do here depends on the devices.
    return materialised(lambda: fold(folded, merge), always), kept


def of_all_groups(make: Callable[[], Any], groups: int, key: Key) -> Any:
    """What is made of all groups' entries at once, the same however many devices share them.

    What devices gathered and what one of them has by itself reach the compiler differently. Fused
    with how they came to be, sums over them would be added in another order.

    Args:
        make: gives a pytree of arrays.
        groups: how many; of one, which no two devices can share, nothing need be kept apart.
        key: any; the compiler does not know its bits.
    """
    return make() if groups == 1 else materialised(make, _always(key))


def fold(stacked: Any, merge: Merge = _add) -> Any:
    """All groups as one, in a fixed tree: neighbours first, then neighbours of these.

    Args:
        stacked: leaves `[groups, ...]`.
        merge: two pytrees like `stacked`, of as many groups each -> one, pair by pair.
    """
    count = jax.tree.leaves(stacked)[0].shape[0] if jax.tree.leaves(stacked) else 1
    while count > 1:
        even = 2 * (count // 2)
        left, right, rest = (
            jax.tree.map(lambda leaf, cut=cut: leaf[cut], stacked)
            for cut in (slice(0, even, 2), slice(1, even, 2), slice(even, None))
        )
        stacked = jax.tree.map(
            lambda one, alone: jnp.concatenate([one, alone]), merge(left, right), rest
        )
        count -= even // 2
    return jax.tree.map(lambda leaf: leaf[0], stacked)


def split(tree: Any, groups: int) -> Any:
    """Leaves `[batch, ...]` in order as groups: `[groups, batch / groups, ...]`.

    Raises:
        ValueError: the batch does not divide into that many groups.
    """

    def cut(leaf: jax.Array) -> jax.Array:
        if leaf.shape[0] % groups:
            raise ValueError(f"a batch of {leaf.shape[0]} does not divide into {groups} groups")
        return leaf.reshape(groups, leaf.shape[0] // groups, *leaf.shape[1:])

    return jax.tree.map(cut, tree)


def join(tree: Any) -> Any:
    """What `split` took apart: leaves `[groups * size, ...]` from `[groups, size, ...]`."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), tree)


def _always(key: Key) -> jax.Array:
    """True, which the compiler cannot know.

    It does not see that the bits of a key are never all zero once the last of them is set.
    """
    return (jax.random.key_data(key).reshape(-1)[0] | jnp.uint32(1)) != 0


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


def traced_once(function: Callable[..., Any], static: tuple[int, ...] = ()) -> Callable[..., Any]:
    """The same function, of which JAX keeps what it came to for arguments of the same shapes.

    Its operations are written where it is called, not behind a call: the compiler is given the same
    program as without. Where arrays differ in shape or dtype, or devices share other work, it is
    traced again.

    Args:
        function: of arrays; it may close over some, for as long as it is used where these are.
        static: the places of arguments that are no arrays, but hashable.
    """
    return jax.jit(function, static_argnums=static, inline=True)


def materialised(make: Callable[[], Any], always: jax.Array) -> Any:
    """What `make` gives, in memory of its own before anything is computed with it.

    Were it fused with the arithmetic that uses it, the compiler's choice of fused multiply-adds
    there, and with it the last bit, would depend on how it was made. On CPU, where XLA drops
    `optimization_barrier`, a branch on a value that it cannot know keeps the two apart.

    Args:
        make: gives a pytree of arrays.
        always: bool scalar that is true, and that the compiler cannot know to be true.
    """
    make = traced_once(make)
    shapes = jax.eval_shape(make)
    if not jax.tree.leaves(shapes):
        return make()

    def apart() -> Any:
        nothing = partial(jax.tree.map, lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.cond(always, make, nothing)

    return jax.lax.platform_dependent(
        cpu=apart, default=lambda: jax.lax.optimization_barrier(make())
    )

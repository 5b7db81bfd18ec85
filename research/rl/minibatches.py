"""Which examples make each minibatch of several passes over a batch."""

from __future__ import annotations

from typing import TypeVar

import jax
import jax.numpy as jnp

from research.engine.experiment import Key

Tree = TypeVar("Tree")


def shuffled_minibatches(
    key: Key, examples: int, size: int, epochs: int, groups: int = 1
) -> jax.Array:
    """Indices of the minibatches of `epochs` passes, each pass in an order of its own.

    Examples are shuffled within groups, and every minibatch has as many of each group.

    Args:
        key: for all the orders.
        examples: how many examples a pass has, a multiple of `size`.
        size: examples in one minibatch, a multiple of `groups`.
        epochs: passes.
        groups: parts of the examples.

    Returns:
        int32 `[epochs * examples / size, groups, size / groups]`, counted within each group.
        Every pass holds each example once.
    """
    # One draw and one sort for all passes; `jax.random.permutation` would be several of each. What
    # is sorted holds the draw above the place, in one number: a sort of pairs takes four times as
    # long on a CPU. Of two equal draws (1 in 2^23 over 512 examples, 1 in 2^19 over 8,192) the
    # earlier comes first.
    below = (examples // groups - 1).bit_length()
    draws = jax.random.bits(key, (groups, epochs, examples // groups), jnp.uint32)
    places = jax.lax.broadcasted_iota(jnp.uint32, draws.shape, 2)
    ordered = jax.lax.sort((draws << below) | places, dimension=-1)
    chosen = (ordered & jnp.uint32(2**below - 1)).astype(jnp.int32)
    return chosen.reshape(groups, -1, size // groups).swapaxes(0, 1)


def take(examples: Tree, chosen: jax.Array) -> Tree:
    """The examples at `chosen` int32 `[groups, n]` of each group: leaves `[groups, n, ...]`.

    Args:
        examples: leaves `[groups, batch / groups, ...]`.
        chosen: of `shuffled_minibatches`, one minibatch.
    """
    of_each_group = jax.vmap(lambda leaf, rows: leaf[rows])
    taken: Tree = jax.tree.map(lambda leaf: of_each_group(leaf, chosen), examples)
    return taken

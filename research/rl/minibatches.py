"""Which examples make each minibatch of several passes over a batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from research.engine.experiment import Key


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
    # One draw and one sort for all passes; `jax.random.permutation` would be several of each.
    # Of two equal draws (1 in 130,000 passes over 256 examples) the earlier comes first.
    draws = jax.random.bits(key, (groups, epochs, examples // groups), jnp.uint32)
    places = jax.lax.broadcasted_iota(jnp.int32, draws.shape, 2)
    sorted_draws, order = jax.lax.sort_key_val(draws, places, dimension=-1)
    # XLA's partitioner ends the process over a sort of which one result is not used, in a loop of
    # a program for several devices. The condition always holds, and uses the other one.
    chosen = jnp.where(sorted_draws >= 0, order, 0)
    return chosen.reshape(groups, -1, size // groups).swapaxes(0, 1)

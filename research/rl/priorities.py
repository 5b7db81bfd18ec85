"""A sum tree: places drawn in proportion to their priorities in O(log n), on the device."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key


class Priorities(NamedTuple):
    """A binary tree in an array: node i has children 2 i and 2 i + 1, the root is node 1.

    Attributes:
        tree: float32 `[2 size]`; the second half are the priorities of places, every other node
            is the sum of its children.
        largest: float32 scalar, the largest priority so far, 1 at first.
    """

    tree: jax.Array
    largest: jax.Array

    @property
    def size(self) -> int:
        """Places that it has room for, a power of two."""
        return self.tree.shape[0] // 2


def make_priorities(capacity: int) -> Priorities:
    """All priorities 0, for `capacity` places."""
    size = 1 << max(capacity - 1, 1).bit_length()
    return Priorities(jnp.zeros(2 * size, jnp.float32), jnp.float32(1))


def prioritise(priorities: Priorities, place: jax.Array, priority: jax.Array) -> Priorities:
    """Sets the priorities, not negative, of places; of two for the same place the larger."""
    node = place + priorities.size
    # A maximum does not depend on the order in which a device writes.
    tree = priorities.tree.at[node].set(0.0).at[node].max(priority)
    for _ in range(priorities.size.bit_length() - 1):
        node = node // 2
        # A sum is made anew from its children, never changed by a difference: it cannot drift.
        tree = tree.at[node].set(tree[2 * node] + tree[2 * node + 1])
    return Priorities(tree, jnp.maximum(priorities.largest, jnp.max(priority)))


def draw(priorities: Priorities, key: Key, examples: int) -> tuple[jax.Array, jax.Array]:
    """Places in proportion to their priorities, one from each of `examples` equal shares.

    Returns:
        Places, int32 `[examples]`, none of priority 0 where any is above; and the probability of
        each in a single draw, float32 `[examples]`.

    Source: Schaul et al. 2016 (arXiv 1511.05952), section 3.3 and appendix B.2.1.
    """
    total = priorities.tree[1]
    share = (jnp.arange(examples) + jax.random.uniform(key, (examples,))) / examples
    rest = share * total
    node = jnp.ones(examples, jnp.int32)
    for _ in range(priorities.size.bit_length() - 1):
        lower, upper = priorities.tree[2 * node], priorities.tree[2 * node + 1]
        # Rounding may leave more than there is: never turn to where nothing is.
        right = ((rest >= lower) & (upper > 0)) | (lower <= 0)
        rest = jnp.where(right, rest - lower, rest)
        node = 2 * node + right.astype(jnp.int32)
    return node - priorities.size, priorities.tree[node] / total


def importance(probability: jax.Array, held: jax.Array, exponent: jax.Array | float) -> jax.Array:
    """Weights that undo what drawing by priority does to the mean: (N P(i))^-β over the largest.

    P are probabilities `[examples]`, N is how many could be drawn, and β goes from 0 (nothing is
    undone) to 1 (all is). Weights are at most 1.

    Source: Schaul et al. 2016 (arXiv 1511.05952), section 3.4.
    """
    weight = (held.astype(jnp.float32) * probability) ** -exponent
    return weight / jnp.max(weight)

"""Gradient steps on a rollout: of all of it, in groups, and over shuffled minibatches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Key
from research.optimization.descent import (
    Trained,
    WeightedLoss,
    apply_gradient,
    gradient_over_groups,
)

Tree = TypeVar("Tree")

MeanLoss: TypeAlias = Callable[[Any, Any], tuple[jax.Array, dict[str, jax.Array]]]
"""(params, examples) -> their mean loss, and other means of them by name, scalars."""


def descend_over_groups(
    loss: MeanLoss,
    trained: Trained,
    optimizer: optax.GradientTransformation,
    groups: int,
    examples: Any,
    key: Key,
) -> tuple[Trained, dict[str, jax.Array]]:
    """One step of the optimiser down the mean of the groups' losses.

    The optimiser is the one that `trained` began with, whatever its learning rate now; examples
    have leaves `[groups, batch / groups, ...]`; nothing is drawn by the key.

    Returns:
        `trained` after the step, and the means of the scalars.
    """

    def of_group(params: Any, part: Any, key: Key) -> WeightedLoss:
        del key
        value, means = loss(params, part)
        return WeightedLoss(value, None, {}, statistics=means)

    found = gradient_over_groups(of_group, groups, trained.params, examples, key)
    return apply_gradient(trained, found.gradient, optimizer), found.statistics


def descend_over_minibatches(
    loss: MeanLoss,
    trained: Trained,
    optimizer: optax.GradientTransformation,
    groups: int,
    examples: Tree,
    chosen: jax.Array | None,
    key: Key,
    *,
    steps: int | None = None,
    prepare: Callable[[Tree], Tree] = lambda minibatch: minibatch,
) -> tuple[Trained, dict[str, jax.Array]]:
    """One step of `descend_over_groups` for each of several minibatches of the examples.

    `chosen` is of `shuffled_minibatches`; where it is None, each of so many steps is of all
    examples. `prepare` makes of a minibatch, leaves `[groups, n, ...]`, what is learned from.

    Returns:
        `trained` after the steps, and the scalars of each step, float32 `[steps]`.
    """

    def one_minibatch(
        trained: Trained, chosen: jax.Array | None
    ) -> tuple[Trained, dict[str, jax.Array]]:
        minibatch = prepare(examples if chosen is None else take(examples, chosen))
        return descend_over_groups(loss, trained, optimizer, groups, minibatch, key)

    return jax.lax.scan(one_minibatch, trained, chosen, length=steps)


def shuffled_minibatches(
    key: Key, examples: int, size: int, epochs: int, groups: int = 1
) -> jax.Array:
    """Indices of the minibatches of `epochs` passes, each pass in an order of its own.

    Examples are shuffled within groups, and every minibatch has as many of each group: `groups`
    divides `size`, and that divides `examples`.

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
    """The examples at `chosen` int32 `[groups, n]` of each group: leaves `[groups, n, ...]`."""
    of_each_group = jax.vmap(lambda leaf, rows: leaf[rows])
    taken: Tree = jax.tree.map(lambda leaf: of_each_group(leaf, chosen), examples)
    return taken

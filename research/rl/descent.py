"""Steps down a gradient: of a whole batch, of one in groups, and over shuffled minibatches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Key
from research.engine.groups import over_groups

Tree = TypeVar("Tree")


def step_down(
    gradient: Any,
    transformation: optax.GradientTransformation,
    learning_rate: jax.Array,
    params: Any,
    opt_state: optax.OptState,
) -> tuple[Any, optax.OptState]:
    """Parameters and the optimiser's state after one step against a gradient.

    Args:
        gradient: as `params`.
        transformation: gradients -> steps, for a learning rate of 1.
        learning_rate: scalar; traced, so that it is no part of the transformation.
        params: a pytree.
        opt_state: optax's state.
    """
    changes, opt_state = transformation.update(gradient, opt_state)
    params = jax.tree.map(lambda param, change: param - learning_rate * change, params, changes)
    return params, opt_state


def descend_over_groups(
    gradient_of: Callable[[Any, Any], tuple[Any, dict[str, jax.Array]]],
    transformation: optax.GradientTransformation,
    learning_rate: jax.Array,
    groups: int,
    carry: tuple[Any, optax.OptState],
    examples: Any,
    key: Key,
) -> tuple[tuple[Any, optax.OptState], dict[str, jax.Array]]:
    """Moves the parameters against the mean of the groups' gradients.

    Args:
        gradient_of: (params, a group's examples) -> gradient, and scalars by name.
        transformation: gradients -> steps, for a learning rate of 1.
        learning_rate: scalar.
        groups: how many.
        carry: parameters and the optimiser's state.
        examples: leaves `[groups, batch / groups, ...]`.
        key: for `over_groups`; nothing is drawn.

    Returns:
        `carry` afterwards, and the means of the scalars.
    """
    params, opt_state = carry

    def of_group(part: Any, key: Key) -> tuple[Any, None]:
        del key
        return gradient_of(params, part), None

    summed, _ = over_groups(of_group, groups, examples, key)
    gradient, parts = jax.tree.map(lambda leaf: leaf / groups, summed)
    return step_down(gradient, transformation, learning_rate, params, opt_state), parts


def descend_over_minibatches(
    gradient_of: Callable[[Any, Any], tuple[Any, dict[str, jax.Array]]],
    transformation: optax.GradientTransformation,
    learning_rate: jax.Array,
    groups: int,
    carry: tuple[Any, optax.OptState],
    examples: Tree,
    chosen: jax.Array | None,
    key: Key,
    *,
    steps: int | None = None,
    prepare: Callable[[Tree], Tree] = lambda minibatch: minibatch,
) -> tuple[tuple[Any, optax.OptState], dict[str, jax.Array]]:
    """One step of `descend_over_groups` for each of several minibatches.

    Args:
        gradient_of: as there.
        transformation: as there.
        learning_rate: as there.
        groups: as there.
        carry: as there.
        examples: leaves `[groups, batch / groups, ...]`.
        chosen: of `shuffled_minibatches`; None where each step is of all examples.
        key: as there.
        steps: how many, where `chosen` is None.
        prepare: makes of a minibatch, leaves `[groups, n, ...]`, what is learned from.

    Returns:
        `carry` afterwards, and the scalars of each step, float32 `[steps]`.
    """

    def one_minibatch(carry: tuple, chosen: jax.Array | None) -> tuple[tuple, dict[str, jax.Array]]:
        minibatch = prepare(examples if chosen is None else take(examples, chosen))
        return descend_over_groups(
            gradient_of, transformation, learning_rate, groups, carry, minibatch, key
        )

    return jax.lax.scan(one_minibatch, carry, chosen, length=steps)


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

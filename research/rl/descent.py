"""One step down a gradient, of a whole batch or of one that is cut into groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

from research.engine.experiment import Key
from research.engine.groups import over_groups


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

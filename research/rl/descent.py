"""One gradient step on a batch that is cut into groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

from research.engine.experiment import Key
from research.engine.groups import over_groups


def descend(
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
    gradients, parts = jax.tree.map(lambda leaf: leaf / groups, summed)
    updates, opt_state = transformation.update(gradients, opt_state)
    params = jax.tree.map(lambda param, change: param - learning_rate * change, params, updates)
    return (params, opt_state), parts

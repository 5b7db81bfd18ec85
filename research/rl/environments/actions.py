"""Environments that take vectors of any size as actions: clipped to bounds, or scaled to them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.rl.environments.environment import Box, Environment, EnvironmentState, TimeStep


def bounds(environment: Environment) -> Box:
    """The bounds of its actions.

    Raises:
        ValueError: its actions are not vectors.
    """
    if not isinstance(environment.action_space, Box):
        raise ValueError(f"the actions of {environment.name} are not vectors")
    return environment.action_space


def clip_actions(environment: Environment) -> Environment:
    """The environment, with every action moved to the nearest one within its bounds.

    Where actions are discrete, without bounds, it is the environment itself.
    """
    if not isinstance(environment.action_space, Box):
        return environment
    low, high = bounds(environment)

    def step(
        key: Key, state: EnvironmentState, action: jax.Array
    ) -> tuple[EnvironmentState, TimeStep]:
        return environment.step(key, state, jnp.clip(action, low, high))

    return environment._replace(step=step)


def scale_actions(environment: Environment) -> Environment:
    """The environment, with actions from -1 to 1 that stand for those from `low` to `high`."""
    low, high = bounds(environment)
    middle, half = (low + high) / 2, (high - low) / 2

    def step(
        key: Key, state: EnvironmentState, action: jax.Array
    ) -> tuple[EnvironmentState, TimeStep]:
        return environment.step(key, state, middle + half * jnp.clip(action, -1.0, 1.0))

    unit = np.ones_like(low)
    return environment._replace(step=step, action_space=Box(-unit, unit))

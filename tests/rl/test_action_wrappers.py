"""Actions beyond the bounds, and actions from -1 to 1 that stand for others."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.interface import Box, Discrete, Environment, TimeStep
from research.rl.environments.wrappers import clip_actions, scale_actions


def echo(space=Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 10.0], np.float32))):
    """An environment that shows the action it was given."""

    def step(key, state, action):
        over = jnp.bool_(False)
        return state, TimeStep(action, jnp.float32(0), over, over, action)

    def reset(key):
        return jnp.int32(0), jnp.zeros(2)

    return Environment("echo", reset, step, (2,), space, 5)


def shown(environment, action):
    return environment.step(jax.random.key(0), jnp.int32(0), jnp.asarray(action))[1].observation


def test_clipped():
    np.testing.assert_array_equal(shown(clip_actions(echo()), [5.0, -1.0]), [2.0, 0.0])
    np.testing.assert_array_equal(shown(clip_actions(echo()), [-1.5, 3.0]), [-1.5, 3.0])
    assert clip_actions(echo()).action_space == echo().action_space


def test_scaled():
    environment = scale_actions(echo())
    np.testing.assert_array_equal(shown(environment, [-1.0, 1.0]), [-2.0, 10.0])
    np.testing.assert_array_equal(shown(environment, [0.0, 0.0]), [0.0, 5.0])
    np.testing.assert_array_equal(shown(environment, [9.0, -9.0]), [2.0, 0.0])
    np.testing.assert_array_equal(environment.action_space.low, [-1.0, -1.0])


def test_numbers_have_no_bounds():
    numbers = echo(Discrete(2))
    assert clip_actions(numbers) is numbers
    with pytest.raises(ValueError, match="actions of echo are not vectors"):
        scale_actions(numbers)

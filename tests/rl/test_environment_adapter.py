"""CartPole through the adapter: what it is, and how its episodes end."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.registered import make_environment


@pytest.fixture(scope="module")
def cartpole():
    return make_environment("CartPole-v1")


def _at(state, position, time=0):
    """The environment's state at a given place and time."""
    x, x_dot, theta, theta_dot = (jnp.float32(value) for value in position)
    return state.replace(x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot, time=jnp.int32(time))


def test_what_it_is(cartpole):
    assert (cartpole.actions, cartpole.longest_episode) == (2, 500)


def test_a_vector_is_no_number_of_an_action():
    with pytest.raises(ValueError, match="Pendulum-v1 are not discrete"):
        _ = make_environment("Pendulum-v1").actions


@pytest.mark.parametrize(
    ("position", "time", "terminated", "truncated"),
    [
        ((0.0, 0.0, 0.0, 0.0), 10, False, False),
        ((0.0, 0.0, 0.0, 0.0), 499, False, True),
        ((2.39, 3.0, 0.0, 0.0), 10, True, False),
        ((2.39, 3.0, 0.0, 0.0), 499, True, False),
    ],
)
def test_endings(cartpole, position, time, terminated, truncated):
    """The time limit truncates; a fall terminates, also on the last step; either resets."""
    state, _ = cartpole.reset(jax.random.key(0))
    after, shown = cartpole.step(jax.random.key(1), _at(state, position, time), jnp.int32(1))
    assert (bool(shown.terminated), bool(shown.truncated)) == (terminated, truncated)
    expected = np.array(position) + 0.02 * np.array([position[1], 0, position[3], 0])
    np.testing.assert_allclose(shown.final_observation[jnp.array([0, 2])], expected[[0, 2]], 1e-5)
    if terminated or truncated:
        assert int(after.time) == 0
        assert float(jnp.max(jnp.abs(shown.observation))) <= 0.05
        assert float(jnp.max(jnp.abs(shown.final_observation))) > 0.05
    else:
        assert int(after.time) == time + 1
        np.testing.assert_array_equal(shown.observation, shown.final_observation)

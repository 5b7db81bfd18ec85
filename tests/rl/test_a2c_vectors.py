"""Advantage actor-critic with vectors as actions: its scales, by hand."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.algorithms.a2c import A2C, make_a2c
from research.rl.environments.interface import Box, Environment, TimeStep
from research.rl.normalisation import Moments, Statistics
from tests.rl.making import experiment_in, traced

CONFIG = A2C(
    environments=4,
    rollout_steps=7,
    units=8,
    layers=1,
    environment_steps=20 * 28,
    learning_rate=1e-2,
    discount=0.9,
    gae_lambda=0.8,
    entropy_weight=0.01,
    max_gradient_norm=10.0,
)
NORMAL = replace(CONFIG, normalise_observations=True, normalise_rewards=True)
SEEN = Statistics(
    Moments(jnp.float32([50.0]), jnp.float32([2.0]), jnp.float32([50.0 * 2.25])),
    Moments(jnp.float32(4e6), jnp.float32(3.0), jnp.float32(4e6 * 6.25)),
)
"""Observations of mean 2 and deviation 1.5; returns of deviation 2.5, so many that those of a
rollout, which are counted before they scale its rewards, change nothing."""


def counter(scale=lambda observation, reward: (observation, reward)) -> Environment:
    """Five steps an episode, observed as 0 to 4; each pays the action and the time."""
    box = Box(np.full(2, -9.0, np.float32), np.full(2, 9.0, np.float32))

    def see(time: jax.Array) -> jax.Array:
        return scale(time.astype(jnp.float32)[None], 0.0)[0]

    def reset(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.int32(0), see(jnp.int32(0))

    def step(key: jax.Array, time: jax.Array, action: jax.Array) -> tuple[jax.Array, TimeStep]:
        after, done = time + 1, time + 1 >= 5
        now = jnp.where(done, 0, after)
        reward = scale(jnp.zeros(1), jnp.sum(action) + time)[1]
        return now, TimeStep(see(now), reward, done, jnp.bool_(False), see(after))

    return Environment("counter", reset, step, (1,), box, 5)


def updated(environment: Environment, config: A2C, statistics: Statistics | None = None):
    experiment = experiment_in(environment, make_a2c, config)
    start = jax.jit(experiment.init)(jax.random.key(0), traced(config))
    if statistics is not None:
        start = start._replace(statistics=statistics)
    return start, jax.jit(experiment.update)(start, None, jax.random.key(1))[0]


def test_a_normalised_update_is_that_in_an_environment_scaled_by_hand() -> None:
    def scaled(observation, reward):
        return (observation - 2.0) / 1.5, reward / 2.5

    _, normal = updated(counter(), NORMAL, SEEN)
    _, by_hand = updated(counter(scaled), CONFIG)
    _, unscaled = updated(counter(), CONFIG)
    leaves, expected, others = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(state.params)])
        for state in (normal, by_hand, unscaled)
    )
    np.testing.assert_allclose(leaves, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(leaves - others).max() > 1e-3  # the control


@pytest.mark.parametrize("groups", [1, 4])
def test_the_state_holds_the_moments_of_what_was_seen(groups: int) -> None:
    """Times 0 to 4, 0, 1 in each of four environments; discounted rewards against a loop."""
    start, state = updated(counter(), replace(NORMAL, groups=groups))
    assert float(start.statistics.observations.number[0]) == 0
    seen = np.array([0, 1, 2, 3, 4, 0, 1] * 4)
    moments = state.statistics.observations
    np.testing.assert_allclose(moments.number, [28])
    np.testing.assert_allclose(moments.mean, [seen.mean()], rtol=1e-6)
    np.testing.assert_allclose(moments.squares, [28 * seen.var()], rtol=1e-5)
    # Two steps into an episode, of which `episode_return` is the undiscounted sum.
    assert state.statistics.returns.number == 28
    gap = np.asarray(state.episodes.episode_return - state.running)
    assert (np.abs(gap) > 1e-3).all() and state.running.shape == (4,)


def test_nothing_is_kept_where_nothing_is_normalised() -> None:
    """So the digests of runs that never asked for it stay."""
    start, state = updated(counter(), CONFIG)
    assert jax.tree.leaves((state.statistics, state.running)) == []
    assert len(jax.tree.leaves(start)) == len(jax.tree.leaves(state))

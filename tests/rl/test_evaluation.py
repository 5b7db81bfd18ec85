"""Evaluation plays whole episodes and counts each environment once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.metrics import read
from research.rl.distributions import Categorical
from research.rl.environments.interface import Environment
from research.rl.evaluation import evaluate_policy, run_episodes
from research.rl.policy import memoryless


def _lengths(episode):
    return 1 + episode % 17


STILL = memoryless(lambda seen: Categorical(jnp.zeros((len(seen), 2))))


def _expected_lengths(environment: Environment, key, episodes):
    """The lengths that the resets of `run_episodes` lead to, by hand."""
    reset_key, _ = jax.random.split(key)
    keys = jax.random.split(reset_key, episodes)
    return np.asarray(_lengths(jax.vmap(environment.reset)(keys)[0].episode))


def test_each_environment_counts_once(clock):
    environment = clock(_lengths, ends="terminated")
    key = jax.random.key(5)
    played = jax.jit(lambda key: run_episodes(environment, STILL, key, 32))(key)
    expected = _expected_lengths(environment, key, 32)
    assert len(set(expected)) > 5
    np.testing.assert_array_equal(played.episode_length, expected)
    np.testing.assert_array_equal(played.episode_return, expected)
    assert played.finished.all()

    # Control: the mean over all episodes that end within the same steps favours short ones.
    steps = expected.max()
    keys = jax.random.split(key, 32)
    states = jax.vmap(environment.reset)(keys)[0]
    step = jax.jit(jax.vmap(environment.step))
    ended = []
    for time in range(steps):
        length = np.asarray(_lengths(states.episode))
        keys = jax.random.split(jax.random.fold_in(key, time), 32)
        states, shown = step(keys, states, jnp.zeros(32, jnp.int32))
        ended += list(length[np.asarray(shown.terminated)])
    assert len(ended) > 32
    assert np.mean(ended) < expected.mean() - 1


def test_truncated_episodes_count_too(clock):
    environment = clock(9, ends="truncated")
    played = jax.jit(lambda key: run_episodes(environment, STILL, key, 4))(jax.random.key(0))
    np.testing.assert_array_equal(played.episode_return, 9)


def test_bounded_where_episodes_do_not_end(clock):
    environment = clock(10**6, ends="terminated")
    played = jax.jit(lambda key: run_episodes(environment, STILL, key, 4))(jax.random.key(0))
    np.testing.assert_array_equal(played.episode_length, environment.longest_episode)
    assert not played.finished.any()

    metrics = jax.jit(lambda key: evaluate_policy(environment, STILL, key, 4))(jax.random.key(0))
    assert read(metrics) == {
        "episode_return": None,
        "stochastic_episode_return": None,
        "episodes": 0.0,
        "stochastic_episodes": 0.0,
    }


def test_greedy_and_stochastic(lever):
    """Action 1 pays, with probability .7: greedy gets 1, drawn actions .7 ± 4 standard errors."""

    def policy(observations):
        return Categorical(jnp.log(jnp.tile(jnp.array([0.3, 0.7]), (len(observations), 1))))

    metrics = read(
        jax.jit(lambda key: evaluate_policy(lever, memoryless(policy), key, 4000))(
            jax.random.key(3)
        )
    )
    assert metrics["episode_return"] == 1.0
    assert abs(metrics["stochastic_episode_return"] - 0.7) < 4 * (0.21 / 4000) ** 0.5
    assert metrics["episodes"] == metrics["stochastic_episodes"] == 4000

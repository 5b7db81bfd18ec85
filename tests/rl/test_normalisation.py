"""Moments against NumPy, rewards that do not leak into other episodes, policies that use both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.groups import fold
from research.engine.metrics import Metrics, read
from research.rl.algorithms.ppo import PPO, make_ppo
from research.rl.environments.interface import Discrete, Environment, TimeStep
from research.rl.normalisation import (
    LARGEST,
    Moments,
    Statistics,
    deviation,
    discounted_sums,
    merge_moments,
    merge_statistics,
    moments_of,
    no_moments,
    no_statistics,
    normalise,
    normalise_observations,
    scale_rewards,
    statistics_of,
    up_to_rollout,
)
from research.rl.rollout import Trajectory
from tests.rl.making import experiment_in, run, traced

CONFIG = PPO(
    environments=8,
    rollout_steps=14,
    epochs=2,
    minibatch_size=56,
    units=16,
    layers=1,
    environment_steps=60 * 112,
    anneal=True,
    normalise_observations=True,
    normalise_rewards=True,
    learning_rate=1e-2,
    discount=0.9,
    gae_lambda=0.9,
    max_gradient_norm=1.0,
)
VALUES = traced(CONFIG)


def seen() -> np.ndarray:
    """Far from 0, where squares minus the square of the mean would cancel."""
    return np.random.default_rng(0).normal([1e3, -5.0], [0.1, 7.0], (4, 30, 2)).astype(np.float32)


def test_merged_moments_are_those_of_everything() -> None:
    values = seen()
    exact = values.astype(np.float64).reshape(-1, 2)
    one_by_one = no_moments((2,))
    for part in values:
        one_by_one = merge_moments(one_by_one, moments_of(jnp.asarray(part), 1))
    groups = jax.vmap(lambda part: moments_of(part, 1))(jnp.asarray(values))
    for moments in (one_by_one, fold(groups, merge_moments)):
        np.testing.assert_array_equal(moments.number, [120, 120])
        np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-5)
        np.testing.assert_allclose(deviation(moments), exact.std(0), rtol=1e-3)
    # The control: without the distance between the means, the spread is too small.
    apart = Moments(*(jnp.sum(leaf, 0) for leaf in groups))
    shifted = Moments(apart.number, apart.mean / 4, apart.squares)
    assert np.all(np.abs(deviation(shifted) / exact.std(0) - 1) > 2e-3)


def test_nothing_seen_changes_nothing() -> None:
    values = jnp.asarray(seen()[0])
    np.testing.assert_array_equal(deviation(no_moments((2,))), [1, 1])
    np.testing.assert_array_equal(normalise_observations(values, None), values)
    np.testing.assert_array_equal(scale_rewards(values, None), values)
    once = moments_of(values, 1)
    for merged in (merge_moments(no_moments((2,)), once), merge_moments(once, no_moments((2,)))):
        jax.tree.map(np.testing.assert_array_equal, merged, once)


def test_normal_observations_and_bounds() -> None:
    values = jnp.asarray(seen()[0])
    moments = moments_of(values, 1)
    normal = np.asarray(normalise_observations(values, moments))
    np.testing.assert_allclose(normal.mean(0), 0, atol=1e-2)
    np.testing.assert_allclose(normal.std(0), 1, atol=1e-2)
    far = normalise_observations(values + 1e6, moments)
    np.testing.assert_array_equal(far, np.full((30, 2), LARGEST))


def test_rewards_are_scaled_and_keep_their_sign() -> None:
    scaled = scale_rewards(jnp.float32([-4, 8, 1e6]), Moments(*map(jnp.float32, (10, 3, 160))))
    np.testing.assert_allclose(scaled, [-1, 2, LARGEST], rtol=1e-6)


def test_the_last_reward_does_not_leak_into_the_next_episode() -> None:
    reward = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    reward[7, 0] = 100.0
    ended = np.zeros((20, 3), bool)
    ended[7, 0] = ended[[3, 11], 1] = ended[19, 2] = True
    running = np.array([0.5, 0.0, -1.0], np.float32)
    sums, after = discounted_sums(
        jnp.asarray(reward), jnp.asarray(ended), jnp.asarray(running), 0.9
    )
    expected, now = [], running.astype(np.float64)
    for t in range(20):
        now = 0.9 * now + reward[t]
        expected.append(now)
        now = np.where(ended[t], 0.0, now)
    np.testing.assert_allclose(sums, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after, now, rtol=1e-4, atol=1e-5)
    assert after[2] == 0 and abs(sums[8, 0]) < 5
    endless = jnp.zeros_like(ended)
    leaking, _ = discounted_sums(jnp.asarray(reward), endless, jnp.asarray(running), 0.9)
    assert leaking[8, 0] > 80  # the control


def test_rewards_are_counted_before_they_are_scaled_as_gymnasium_does() -> None:
    """Rollouts of one step: what gymnasium's wrapper makes of each reward, but for its bounds."""
    reward = np.random.default_rng(2).normal(-1, 3, 400).astype(np.float32)
    rewards = iter(reward)

    class Told(gymnasium.Env):
        observation_space = action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return 0, {}

        def step(self, action):
            return 0, float(next(rewards)), False, False, {}

    theirs = gymnasium.wrappers.NormalizeReward(Told(), gamma=0.9)
    theirs.reset()
    expected = [theirs.step(0)[1] for _ in reward]

    def scaled(up_to: Callable[[Statistics, Statistics], Statistics]) -> np.ndarray:
        def rollout(carry, reward):
            earlier, running = carry
            trajectory = rewarded(reward)
            seen, running = statistics_of(trajectory, False, running, jnp.float32(0.9))
            told = normalise(trajectory, up_to(earlier, seen)).reward[0, 0]
            return (merge_statistics(earlier, seen), running), told

        start = no_statistics((), False, True), jnp.zeros(1)
        return np.asarray(jax.lax.scan(rollout, start, jnp.asarray(reward))[1])

    ours = scaled(up_to_rollout)
    np.testing.assert_allclose(ours[10:], expected[10:], rtol=2e-3)
    # The control: by earlier rollouts alone, the first reward is as it came and others lag.
    before = scaled(lambda earlier, seen: earlier)
    assert before[0] == reward[0] and np.abs(before[10:] / expected[10:] - 1).max() > 0.01


def rewarded(reward: jax.Array) -> Trajectory:
    """One step of one environment that goes on."""
    nothing, no = jnp.zeros((1, 1)), jnp.zeros((1, 1), bool)
    return Trajectory(nothing, nothing, reward.reshape(1, 1), no, no, nothing, nothing, nothing)


def test_the_first_rollout_is_learned_from_at_scale() -> None:
    """Rewards of a thousand, a thousandth of which says the same: the first update is the same."""

    def first_losses(**choice: bool) -> list[float]:
        config = replace(CONFIG, normalise_observations=False, **choice)

        @jax.jit
        def updated(scale: jax.Array) -> Metrics:
            experiment = experiment_in(paying(scale), make_ppo, config)
            state = experiment.init(jax.random.key(0), VALUES)
            return experiment.update(state, None, jax.random.key(1))[1]

        return [read(updated(jnp.float32(scale)))["value_loss"] for scale in (1000, 1)]

    large, small = first_losses()
    assert large == pytest.approx(small, rel=1e-3)
    large, small = first_losses(normalise_rewards=False)
    assert large > 1e4 * small


def paying(scale: jax.Array) -> Environment:
    """Pays `scale` for an action of 1; episodes of one step."""

    def reset(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.int32(0), jnp.zeros(1)

    def step(key: jax.Array, state: jax.Array, action: jax.Array) -> tuple[jax.Array, TimeStep]:
        seen = jnp.zeros(1)
        over = TimeStep(seen, scale * action.astype(jnp.float32), jnp.bool_(True),
                        jnp.bool_(False), seen)  # fmt: skip
        return state, over

    return Environment("paying", reset, step, (1,), Discrete(2), 1)


@pytest.mark.parametrize("groups", [1, 4])
def test_the_state_holds_the_moments_of_what_was_seen(clock, groups: int) -> None:
    """14 steps of episodes of 7, reward 1 a step: D_t = Σ .9^k up to the time in the episode."""
    config = replace(CONFIG, groups=groups)
    experiment = experiment_in(clock(7, ends="terminated"), make_ppo, config)
    state = experiment.init(jax.random.key(0), VALUES)
    update = jax.jit(lambda state, key: experiment.update(state, None, key)[0])
    times = np.arange(7)
    sums = (1 - 0.9 ** (times + 1)) / 0.1
    for updates in (1, 2):
        state = update(state, jax.random.key(updates))
        observations, returns = state.statistics
        assert observations.number[0] == returns.number == 112 * updates
        np.testing.assert_allclose(observations.mean, [3], rtol=1e-5)
        np.testing.assert_allclose(deviation(observations), [times.std()], rtol=1e-5)
        np.testing.assert_allclose(returns.mean, sums.mean(), rtol=1e-5)
        np.testing.assert_allclose(deviation(returns), sums.std(), rtol=1e-4)
        np.testing.assert_array_equal(state.running, np.zeros(8))


def far_away() -> Environment:
    """Observations around 100 with deviation .01; telling which side they lie on pays 1."""

    def reset(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        side = jnp.where(jax.random.bernoulli(key), 1, -1)
        return side, (100 + 0.01 * side)[None].astype(jnp.float32)

    def step(key: jax.Array, side: jax.Array, action: jax.Array) -> tuple[jax.Array, TimeStep]:
        after, observation = reset(key)
        reward = (action == (side > 0)).astype(jnp.float32)
        over = TimeStep(observation, reward, jnp.bool_(True), jnp.bool_(False), observation)
        return after, over

    return Environment("far away", reset, step, (1,), Discrete(2), 1)


def test_evaluation_uses_what_was_seen() -> None:
    experiment = experiment_in(far_away(), make_ppo, CONFIG)
    state = jax.jit(lambda: run(experiment, VALUES, CONFIG.updates))()
    evaluate = jax.jit(lambda state: experiment.evaluate(state, None, jax.random.key(1)))
    assert read(evaluate(state))["episode_return"] == 1.0
    # The control: by other statistics, all observations look alike.
    observations = state.statistics.observations
    moved = observations._replace(mean=observations.mean - 100)
    other = state._replace(statistics=state.statistics._replace(observations=moved))
    assert read(evaluate(other))["episode_return"] < 0.8

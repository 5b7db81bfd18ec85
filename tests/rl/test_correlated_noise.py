"""Correlated noise: its variance and correlation in closed form, and where it begins anew."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.algorithms import ddpg_config, td3_config
from research.rl.algorithms.correlated_noise_config import CorrelatedNoiseConfig, problems_of_noise
from research.rl.algorithms.ddpg import make_ddpg
from research.rl.algorithms.td3 import make_td3
from research.rl.correlated_noise import correlated
from research.rl.deterministic import networks
from research.rl.environments.environment import Environment
from research.rl.off_policy import OffPolicyState
from tests.rl.continuous import SMALL, UNIT, dial, train

VALUES = {
    "learning_rate": 3e-3,
    "discount": 0.5,
    "target_rate": 0.05,
    "exploration_deviation": 0.1,
    "smoothing_deviation": 0.2,
    "smoothing_limit": 0.5,
}
SIZES = replace(SMALL, updates=12, warmup_updates=0)


def noise(correlation: float, length: int) -> np.ndarray:
    """`[time, environments]`, of episodes of `length` steps."""
    drawn = jax.random.normal(jax.random.key(0), (40_000, 4, 1))
    begins = jnp.arange(len(drawn)) % length == 0

    def follow(before, step):
        now = correlated(before, step[0], jnp.full(4, step[1]), correlation)
        return now, now

    return np.asarray(jax.lax.scan(follow, jnp.zeros((4, 1)), (drawn, begins))[1])[..., 0]


def products(noise: np.ndarray, lag: int) -> float:
    """The mean of n(t) n(t + lag)."""
    return float((noise[: len(noise) - lag] * noise[lag:]).mean())


def test_variance_and_correlation_are_those_of_the_closed_form() -> None:
    long = noise(0.8, 1000)
    for lag in (0, 1, 3, 6):
        assert products(long, lag) == pytest.approx(0.8**lag, abs=0.03)
    white = noise(0.0, 1000)
    assert products(white, 0) == pytest.approx(1.0, abs=0.03)
    assert abs(products(white, 1)) < 0.03  # the control


def test_each_step_of_short_episodes_has_the_same_variance() -> None:
    """None starts at 0 and grows; no episode is correlated with the one before."""
    steps = noise(0.99, 4).reshape(-1, 4, 4)
    np.testing.assert_allclose((steps**2).mean((0, 2)), 1.0, atol=0.05)
    assert np.mean(steps[:, 0] * steps[:, 3]) == pytest.approx(0.99**3, abs=0.05)
    assert abs(np.mean(steps[:-1, 3] * steps[1:, 0])) < 0.05


def run(kind: str, environment: Environment, **changes: float) -> OffPolicyState:
    values = VALUES | changes
    if kind == "td3":
        return train(make_td3(environment, SIZES, 2, values))
    return train(make_ddpg(environment, SIZES, values))


@pytest.mark.parametrize("kind", [pytest.param("td3", marks=pytest.mark.slow), "ddpg"])
def test_a_correlation_of_0_leaves_every_bit(kind: str, clock) -> None:
    world = clock(5, ends="truncated")._replace(action_space=UNIT)
    plain = run(kind, world)
    kept = [(state.learned, state.replay, state.episodes) for state in (
        plain,
        run(kind, world, noise_correlation=0.0),
        run(kind, world, noise_correlation=0.5),
    )]  # fmt: skip
    assert plain.noise is None
    bits = [b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(part)) for part in kept]
    assert bits[0] == bits[1] != bits[2]


def test_an_algorithms_noise_follows_its_own_episode(clock) -> None:
    """An actor that learns nothing: what is added to its actions is the noise, step by step."""
    world = clock(3, ends="truncated")._replace(action_space=UNIT)
    agent = networks(world, SIZES.units, 1)

    def added(correlation: float) -> np.ndarray:
        state = run("ddpg", world, noise_correlation=correlation, learning_rate=0.0)
        seen = jax.tree.map(lambda leaf: leaf[: int(state.replay.added)], state.replay.steps)
        action = agent.action(state.learned.actor.params, seen.observation)
        told = np.asarray(seen.action - action, np.float64) / VALUES["exploration_deviation"]
        told = told.reshape(-1, SIZES.environments)
        np.testing.assert_allclose(state.noise[:, 0], told[-1], atol=1e-4)
        return told

    drawn = added(0.0)
    expected, unbroken = np.zeros_like(drawn), np.zeros_like(drawn)
    for time, step in enumerate(drawn):
        following = 0.9 * expected[time - 1] + np.sqrt(1 - 0.9**2) * step
        expected[time] = step if time % 3 == 0 else following
        following = 0.9 * unbroken[time - 1] + np.sqrt(1 - 0.9**2) * step
        unbroken[time] = step if time == 0 else following
    np.testing.assert_allclose(added(0.9), expected, atol=1e-4)
    assert np.abs(expected - unbroken).max() > 0.5  # the control


def test_where_each_step_is_an_episode_nothing_is_correlated() -> None:
    kept = [run("td3", dial(), noise_correlation=rho).replay.steps.action for rho in (0.0, 0.99)]
    np.testing.assert_array_equal(*kept)


@pytest.mark.parametrize("correlation", [-0.1, 1.0, float("nan")])
def test_what_is_out_of_range_is_said(correlation: float) -> None:
    assert problems_of_noise(CorrelatedNoiseConfig()) == []
    (problem,) = problems_of_noise(CorrelatedNoiseConfig(noise_correlation=correlation))
    assert "--noise-correlation" in problem
    for config in (td3_config.TD3Config(), ddpg_config.DDPGConfig()):
        assert not hasattr(config, "noise_correlation")  # recorded runs are of these fields

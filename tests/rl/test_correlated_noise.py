"""Correlated noise: its variance and correlation in closed form, and where it begins anew."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.rl.mountain_car_continuous_ddpg import CorrelatedDDPG
from experiments.rl.mountain_car_continuous_td3 import CorrelatedTD3
from research.options.config import config_fields, problems_of
from research.rl.algorithms.ddpg import DDPG, networks
from research.rl.algorithms.td3 import TD3
from research.rl.environments.interface import Environment
from research.rl.exploration import correlate
from research.rl.off_policy import ActorCritic, OffPolicyState
from tests.rl.continuous import SMALL, TOGETHER, UNIT, dial, made, train

SHORT = SMALL | {"environment_steps": 12 * TOGETHER, "learning_starts": 0}
PLAIN: dict[str, ActorCritic] = {"td3": TD3(**SHORT), "ddpg": DDPG(**SHORT)}
CORRELATED: dict[str, ActorCritic] = {
    "td3": CorrelatedTD3(**SHORT), "ddpg": CorrelatedDDPG(**SHORT)
}  # fmt: skip


def noise(correlation: float, length: int) -> np.ndarray:
    """`[time, environments]`, of episodes of `length` steps."""
    drawn = jax.random.normal(jax.random.key(0), (40_000, 4, 1))
    begins = jnp.arange(len(drawn)) % length == 0

    def follow(before, step):
        now = correlate(before, step[0], jnp.full(4, step[1]), correlation)
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
    """None starts at 0 and grows; no episode is correlate with the one before."""
    steps = noise(0.99, 4).reshape(-1, 4, 4)
    np.testing.assert_allclose((steps**2).mean((0, 2)), 1.0, atol=0.05)
    assert np.mean(steps[:, 0] * steps[:, 3]) == pytest.approx(0.99**3, abs=0.05)
    assert abs(np.mean(steps[:-1, 3] * steps[1:, 0])) < 0.05


def run(kind: str, environment: Environment, **changes: float) -> OffPolicyState:
    """A whole run, with correlate noise where that is among the changes."""
    kinds = CORRELATED if "noise_correlation" in changes else PLAIN
    return train(made(environment, replace(kinds[kind], **changes)))


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
    agent = networks(world, PLAIN["ddpg"].hidden, 1)

    def added(correlation: float) -> np.ndarray:
        state = run("ddpg", world, noise_correlation=correlation, learning_rate=0.0)
        seen = jax.tree.map(lambda leaf: leaf[: int(state.replay.added)], state.replay.steps)
        action = agent.action(state.learned.actor.params, seen.observation)
        noise = np.asarray(seen.action - action, np.float64) / DDPG().exploration_deviation
        noise = noise.reshape(-1, PLAIN["ddpg"].environments)
        np.testing.assert_allclose(state.noise[:, 0], noise[-1], atol=1e-4)
        return noise

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
    # Two programs, whose rounding may differ: a correlation would show in the first digit.
    np.testing.assert_allclose(*kept, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("correlation", [-0.1, 1.0, float("nan")])
def test_what_is_out_of_range_is_said(correlation: float) -> None:
    for config in (CorrelatedTD3(), CorrelatedDDPG()):
        assert problems_of(config) == []
        (problem,) = problems_of(replace(config, noise_correlation=correlation))
        assert "--noise-correlation" in problem
    for plain in PLAIN.values():
        assert "noise_correlation" not in config_fields(plain)  # recorded runs are of these fields

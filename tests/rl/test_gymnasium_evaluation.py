"""Policies written by hand in gymnasium's own environments, against a loop of the test's own."""

from __future__ import annotations

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.rl.distributions import Categorical, Gaussian
from research.rl.environments.interface import Box, Discrete
from research.rl.environments.registered import make_environment
from research.rl.environments.wrappers import clip_actions, scale_actions
from research.rl.gymnasium_evaluation import NAMES, play_in_gymnasium, translate
from research.rl.playing import count
from research.rl.policy import reactive


def balance(state, seen):
    """Push to where the pole falls; the state decides how surely."""
    falls = seen[..., 2] + seen[..., 3]
    return Categorical(state * jnp.stack([-falls, falls], -1))


def swing(state, seen):
    """Push with the speed, by as much as the state says."""
    mean = state * jnp.sign(seen[..., 1:2] + 1e-9)
    return Gaussian(mean, jnp.full_like(mean, -5.0))


def gymnasiums_returns(name, seed, episodes, act):
    seeds = np.random.SeedSequence(seed).generate_state(2 * episodes)[:episodes]
    returns = []
    for one in seeds:
        world = gymnasium.make(name)
        seen, total, ended = world.reset(seed=int(one))[0], 0.0, False
        while not ended:
            seen, reward, terminated, truncated, _ = world.step(act(seen))
            total, ended = total + float(reward), terminated or truncated
        returns.append(total)
        world.close()
    return returns


def test_a_pole_is_balanced_as_a_loop_of_ones_own_balances_it():
    agent = reactive(make_environment("CartPole-v1"), balance)
    found = play_in_gymnasium(agent, jnp.float32(1.0), 5, 4)
    expected = gymnasiums_returns("CartPole-v1", 5, 4, lambda seen: int(seen[2] + seen[3] > 0))
    assert found.episode_return[:4].tolist() == expected and min(expected) > 150
    assert (found.episode_return == found.episode_length).all() and found.finished.all()
    # Drawn at odds that small angles make, actions are now and then wrong.
    assert found.episode_return[4:].mean() < 0.75 * np.mean(expected)


def test_the_two_environments_of_a_name_are_alike():
    agent = reactive(make_environment("CartPole-v1"), balance)
    here = count(agent, jnp.float32(1.0), jax.random.key(0), 16).episode_return[:16]
    there = play_in_gymnasium(agent, jnp.float32(1.0), 0, 16).episode_return[:16]
    error = np.sqrt(here.var(ddof=1) / 16 + there.var(ddof=1) / 16)
    assert abs(here.mean() - there.mean()) < 5 * error
    wrong = reactive(agent.environment, lambda state, seen: balance(-state, seen))
    assert play_in_gymnasium(wrong, jnp.float32(1.0), 0, 4).episode_return[:4].max() < 15


@pytest.mark.parametrize(("wrap", "push"), [(clip_actions, 1.0), (scale_actions, 1.0),
                                            (clip_actions, 40.0)])  # fmt: skip
def test_a_car_with_an_engine_of_any_strength_is_driven_up_a_hill(wrap, push):
    agent = reactive(wrap(make_environment("MountainCarContinuous-v0")), swing)
    found = play_in_gymnasium(agent, jnp.float32(push), 0, 1)
    assert found.episode_return[0] > 85 and found.episode_length[0] < 200
    # What is not clipped would cost .1 · 40² a step.
    (expected,) = gymnasiums_returns(
        "MountainCarContinuous-v0", 0, 1, lambda seen: np.float32([1.0 if seen[1] >= 0 else -1.0])
    )
    assert found.episode_return[0] == pytest.approx(expected, abs=0.01)


def test_actions_of_a_scaled_environment_reach_its_bounds():
    pendulum = make_environment("Pendulum-v1")
    agent = reactive(scale_actions(pendulum), lambda s, seen: Gaussian(seen[..., :1] * 0 + s, s))
    found = play_in_gymnasium(agent, jnp.float32([1.0]), 3, 1)
    (full,) = gymnasiums_returns("Pendulum-v1", 3, 1, lambda seen: np.float32([2.0]))
    (half,) = gymnasiums_returns("Pendulum-v1", 3, 1, lambda seen: np.float32([1.0]))
    assert found.episode_return[0] == pytest.approx(full, rel=1e-4) != pytest.approx(half, rel=1e-2)


@given(
    st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=3),
    st.floats(0.1, 5),
    st.booleans(),
)
def test_an_action_means_what_it_meant_in_training(action, bound, scaled):
    action, bound = np.float32(action), np.float32(bound)
    low, high = np.full_like(action, -bound), np.full_like(action, 3 * bound)
    theirs = gymnasium.spaces.Box(low, high)
    own = Box(-np.ones_like(action), np.ones_like(action)) if scaled else Box(low, high)
    middle, half = (low + high) / 2, (high - low) / 2
    meant = middle + half * np.clip(action, -1, 1) if scaled else np.clip(action, low, high)
    given = translate(action, own, theirs)
    np.testing.assert_allclose(given, meant, rtol=1e-5, atol=1e-5)
    assert given.dtype == np.float32


def test_names_and_spaces_are_gymnasiums():
    for name in NAMES:
        ours, theirs = make_environment(name), gymnasium.make(name)
        assert ours.observation_shape == theirs.observation_space.shape
        if isinstance(ours.action_space, Discrete):
            assert ours.action_space.n == theirs.action_space.n
        else:
            np.testing.assert_array_equal(ours.action_space.low, theirs.action_space.low)
        theirs.close()

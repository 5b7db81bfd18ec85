"""Soft actor-critic where policy, temperature and values are known in closed form."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.options.config import floats, problems_of
from research.rl.algorithms.sac import SAC, bound_log_deviation, networks
from research.rl.environments.interface import Discrete
from research.rl.replay_buffer import Transition
from tests.rl.continuous import (
    BEST,
    SMALL,
    TOGETHER,
    UNIT,
    constant_critics,
    dial,
    learn,
    made,
    train,
)

CONFIG = SAC(**SMALL, initial_temperature=0.1)
LONGER = replace(CONFIG, environment_steps=600 * TOGETHER)


def test_policy_and_temperature_are_those_of_the_closed_form() -> None:
    """exp(Q / α) is normal about .3 with variance α / 2, and its entropy is to be the target."""
    experiment = made(dial(), LONGER)
    target_entropy = jnp.array([-1.0, -2.0])
    # Side by side in one program: a hyper-parameter changes no shape.
    learned = jax.jit(jax.vmap(lambda h: learn(experiment, {"target_entropy": h})))(target_entropy)
    learned = learned.learned
    agent = networks(dial(), CONFIG.hidden)
    said = jax.vmap(lambda p: agent.policy(p, jnp.ones(1)))(learned.actor.params)
    variance = np.exp(2 * target_entropy) / (2 * np.pi * np.e)
    np.testing.assert_allclose(said.mode()[:, 0], [BEST] * 2, atol=0.04)
    np.testing.assert_allclose(said.entropy(), target_entropy, atol=0.25)
    temperature = np.exp(learned.log_temperature.params)
    np.testing.assert_allclose(temperature, 2 * variance, rtol=0.5)  # .016 and .002
    actions = jnp.array([[0.1], [BEST], [0.5]])
    # The narrower policy has hardly seen what is far from its middle.
    wide = jax.tree.map(lambda leaf: leaf[0], learned.critics.params)
    q_value = agent.critics.apply(wide, jnp.ones((3, 1)), actions)
    np.testing.assert_allclose(q_value, [[-0.04, 0.0, -0.04]] * 2, atol=0.02)


def test_an_end_ends_and_a_time_limit_does_not(clock) -> None:
    """With hardly any temperature the values are those of the rewards alone."""
    agent = networks(clock(3, ends="terminated")._replace(action_space=UNIT), CONFIG.hidden)

    def values(ends: str) -> np.ndarray:
        world = clock(3, ends=ends)._replace(action_space=UNIT)
        state = train(made(world, replace(LONGER, initial_temperature=1e-6)))
        seen, action = jnp.arange(3.0)[:, None], jnp.zeros((3, 1))
        return np.asarray(agent.critics.apply(state.learned.critics.params, seen, action))

    np.testing.assert_allclose(values("terminated"), [[1.75, 1.5, 1.0]] * 2, atol=0.15)
    np.testing.assert_allclose(values("truncated"), [[2.0] * 3] * 2, atol=0.15)


def test_the_target_takes_the_smaller_critic_and_the_entropy() -> None:
    experiment = made(dial(), CONFIG)
    values = {name: jnp.float32(value) for name, value in floats(CONFIG).items()}
    state = experiment.init(jax.random.key(0), values)
    agent = networks(dial(), CONFIG.hidden)
    seen = Transition(
        jnp.ones((2, 1)), jnp.zeros((2, 1)), jnp.array([1.0, 2.0]), jnp.array([0.5, 0.0]),
        jnp.ones((2, 1)),
    )  # fmt: skip
    noise = jnp.array([[0.3], [-0.4]])
    said = agent.policy(state.learned.actor.params, seen.final_observation)
    surprise = np.asarray(said.sample_with_log_probability(noise)[1])
    for pair in ([3.0, 7.0], [7.0, 3.0]):
        critics = constant_critics(state.learned.target_critics, pair)
        learned = state.learned._replace(target_critics=critics)
        told = agent.target(learned, seen, jnp.float32(0.1), noise)
        np.testing.assert_allclose(told, [1 + 0.5 * (3 - 0.1 * surprise[0]), 2.0], rtol=1e-5)


def test_temperature_rises_where_there_is_too_little_entropy() -> None:
    """From the same start, one update towards more entropy and one towards less."""

    def change(target_entropy: float) -> float:
        config = replace(CONFIG, learning_starts=0, target_entropy=target_entropy)
        experiment = made(dial(), config)
        traced = {name: jnp.float32(value) for name, value in floats(config).items()}
        state = experiment.init(jax.random.key(0), traced)
        after, _ = jax.jit(lambda s: experiment.update(s, None, jax.random.key(1)))(state)
        both = after.learned.log_temperature.params, state.learned.log_temperature.params
        return float(both[0] - both[1])

    # The entropy of the first policy is about log 2, the most there is.
    assert change(5.0) > 0.01 and change(-5.0) < -0.01


def test_log_deviations_stay_within_bounds_and_small_ones_are_as_they_are() -> None:
    np.testing.assert_allclose(
        bound_log_deviation(jnp.array([-1e3, -4.0, 1e3])), [-10.0, -4.0, 2.0], rtol=1e-5
    )
    raw = jnp.linspace(-8, 0, 9)
    assert (jax.vmap(jax.grad(bound_log_deviation))(raw) > 0.3).all()
    assert float(bound_log_deviation(jnp.float32(-5.0))) == pytest.approx(-5.0, abs=0.02)


def test_numbers_as_actions_are_refused() -> None:
    with pytest.raises(ValueError, match="actions of dial are not vectors"):
        made(dial()._replace(action_space=Discrete(2)), CONFIG)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment": "CartPole-v1"}, "Pendulum-v1"),
        (
            {"batch_size": 1000, "replay_size": 800},
            "at most 800 (--replay-size), not 1000",
        ),
        ({"replay_size": 1001}, "--environments must divide --replay-size (1001)"),
        ({"environments": 0}, "--environments"),
        ({"target_rate": 0.0}, "--target-rate"),
        ({"initial_temperature": 0.0}, "--initial-temperature"),
        ({"target_entropy": float("nan")}, "--target-entropy"),
    ],
)
def test_what_does_not_go_together_is_said(change: dict, said: str) -> None:
    assert problems_of(SAC()) == []
    assert any(said in problem for problem in problems_of(replace(SAC(), **change)))

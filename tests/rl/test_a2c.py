"""Advantage actor-critic where the values are known, and its gradient in closed form."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.experiment import Experiment
from research.engine.metrics import read
from research.options.config import problems_of
from research.rl.advantages import Examples
from research.rl.algorithms.a2c import A2C, a2c_loss, make_a2c
from research.rl.environments.interface import Environment
from research.rl.network import PolicyAndValue
from research.rl.on_policy import ActorCriticState
from tests.rl.making import experiment_in, run, traced

CONFIG = A2C(
    environments=8,
    rollout_steps=5,
    units=16,
    layers=1,
    environment_steps=2000 * 40,
    learning_rate=3e-3,
    discount=0.9,
    gae_lambda=1.0,
    entropy_weight=0.01,
    max_gradient_norm=10.0,
)
VALUES = traced(CONFIG)


def trained(environment: Environment, config: A2C) -> tuple[Experiment, ActorCriticState]:
    experiment = experiment_in(environment, make_a2c, config)
    return experiment, jax.jit(lambda: run(experiment, VALUES, config.updates))()


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_values_know_a_time_limit_from_an_end(clock, ends: str) -> None:
    """Reward 1 a step, five steps, γ = .9: Σ .9^k over the steps left, or 10 where it goes on."""
    _, state = trained(clock(5, ends=ends), CONFIG)
    times = jnp.arange(5, dtype=jnp.float32)[:, None]
    value = PolicyAndValue(2, CONFIG.hidden).apply(state.params, times, method="value")
    ended = (1 - 0.9 ** np.arange(5, 0, -1)) / 0.1
    expected = ended if ends == "terminated" else np.full(5, 10.0)
    np.testing.assert_allclose(value, expected, atol=0.4)
    assert np.abs(ended - 10).min() > 5 * 0.4


@pytest.mark.parametrize("normalise", [False, True])
def test_learns_what_pays(lever: Environment, normalise: bool) -> None:
    config = replace(CONFIG, environment_steps=400 * 40, groups=4, anneal=True)
    experiment, state = trained(lever, replace(config, normalise_advantages=normalise))
    figures = read(experiment.evaluate(state, None, jax.random.key(0)))
    assert figures["episode_return"] == 1.0
    assert figures["stochastic_episode_return"] > 0.8
    untrained = experiment.init(jax.random.key(0), VALUES)
    before = read(experiment.evaluate(untrained, None, jax.random.key(0)))
    assert 0.25 < before["stochastic_episode_return"] < 0.75  # the control


def test_gradient_in_closed_form() -> None:
    """By the last bias of the policy: mean of A (π - onehot(a)) + weight Σ π log π's slope."""
    generator = np.random.default_rng(0)
    network = PolicyAndValue(3, (8,))
    params = network.init(jax.random.key(0), jnp.zeros(2))
    params["params"]["policy_tower"]["Dense_1"]["bias"] = jnp.float32([0.5, 0.0, -0.7])
    observation = generator.normal(size=(40, 2)).astype(np.float32)
    action = generator.integers(0, 3, 40)
    advantage, target = generator.normal(size=(2, 40)).astype(np.float32)
    examples = Examples(observation, action, np.zeros(40, np.float32), advantage, target)
    values = {"value_weight": jnp.float32(0.7), "entropy_weight": jnp.float32(0.2)}
    gradient, parts = jax.grad(a2c_loss, argnums=1, has_aux=True)(network, params, examples, values)

    said, value = network.apply(params, observation)
    probability = np.asarray(jax.nn.softmax(said.logits), np.float64)
    pull = advantage[:, None] * (probability - np.eye(3)[action])
    log = np.log(probability)
    entropy = -(probability * log).sum(-1, keepdims=True)
    expected = (pull + 0.2 * probability * (log + entropy)).mean(0)
    towers = gradient["params"]
    bias = towers["policy_tower"]["Dense_1"]["bias"]
    np.testing.assert_allclose(bias, expected, rtol=1e-4, atol=1e-6)
    slope = 0.7 * 2 * np.mean(np.asarray(value) - target)
    np.testing.assert_allclose(towers["value_tower"]["Dense_1"]["bias"], [slope], rtol=1e-4)
    total = parts["policy_loss"] + 0.7 * parts["value_loss"] - 0.2 * parts["entropy"]
    np.testing.assert_allclose(parts["loss"], total, rtol=1e-5)
    assert np.abs(pull.mean(0) - expected).max() > 1e-3  # the control: entropy counts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"environment": "Pole"}, "--environment Pole"),
        ({"groups": 3}, "--groups must divide --environments"),
        ({"rollout_steps": 0}, "--rollout-steps"),
        ({"gae_lambda": 1.5}, "--gae-lambda"),
        ({"learning_rate": 0.0}, "--learning-rate"),
        ({"environments": 0}, "--environments"),
        ({"environment": "Pendulum"}, "did you mean"),
        (
            {"environment": "FrozenLake4x4-finite", "normalise_observations": True},
            "--normalise-observations: those of FrozenLake4x4-finite are indices of states",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, message: str) -> None:
    assert problems_of(A2C()) == []
    (problem,) = problems_of(replace(A2C(), **change))
    assert message in problem

"""REINFORCE: its gradient in closed form, whole episodes, and baselines whose values are known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.experiment import Experiment
from research.engine.metrics import read
from research.options.config import problems_of
from research.rl.algorithms.reinforce import (
    Reinforce,
    ReinforceState,
    first_episodes,
    make_reinforce,
    make_steps,
    reinforce_loss,
)
from research.rl.environments.interface import Environment
from research.rl.network import PolicyAndValue
from research.rl.policy import memoryless
from research.rl.rollout import Trajectory, collect, start
from tests.rl.making import experiment_in, run, traced

CONFIG = Reinforce(
    environments=8,
    units=16,
    layers=1,
    episodes=100 * 8,
    evaluation_episodes=32,
    learning_rate=1e-2,
    discount=0.9,
    max_gradient_norm=10.0,
)
VALUES = traced(CONFIG)


def trained(environment: Environment, config: Reinforce) -> tuple[Experiment, ReinforceState]:
    experiment = experiment_in(environment, make_reinforce, config)
    return experiment, jax.jit(lambda: run(experiment, VALUES, config.updates))()


def played(environment: Environment, network: PolicyAndValue, params, episodes: int, steps: int):
    @jax.jit
    def play(key: jax.Array) -> Trajectory:
        policy = partial(network.apply, params, method="policy")
        fresh = start(environment, key, episodes)
        return collect(environment, memoryless(policy), fresh, jax.random.key(2), steps)[1]

    return play(jax.random.key(1))


def test_gradient_against_the_closed_form(lever: Environment) -> None:
    """Action 1 pays 1: the gradient of the mean pay by the logits is p(1-p) (-1, 1)."""
    network = PolicyAndValue(2, (8,))
    params = jax.jit(network.init)(jax.random.key(0), jnp.zeros(1))
    params["params"]["policy_tower"]["Dense_1"]["bias"] = jnp.float32([0.3, -0.5])
    trajectory = played(lever, network, params, 20_000, 1)
    steps = make_steps(network, False, params, trajectory, VALUES)
    np.testing.assert_array_equal(steps.advantage, trajectory.reward[0])

    @jax.jit
    def gradient_of(params, steps):
        derivative = jax.grad(reinforce_loss, argnums=2, has_aux=True)
        return derivative(network, False, params, steps, VALUES)

    def gradient(steps):
        found, _ = gradient_of(params, steps)
        return -np.asarray(found["params"]["policy_tower"]["Dense_1"]["bias"])

    p = np.asarray(jax.nn.softmax(network.apply(params, jnp.ones(1), method="policy").logits))
    action = np.asarray(steps.action)
    drawn = (action[:, None] * (np.eye(2)[action] - p)).mean(0)
    np.testing.assert_allclose(gradient(steps), drawn, rtol=1e-3, atol=1e-6)
    exact = p[0] * p[1] * np.array([-1, 1])
    error = 5 * p[0] * np.sqrt(p[1] * p[0] / 20_000)
    np.testing.assert_allclose(gradient(steps), exact, atol=error)
    # A baseline changes nothing on average; pay for the other action (the control) does.
    less, other = (
        steps._replace(advantage=a) for a in (steps.advantage - 0.3, 1 - steps.advantage)
    )
    np.testing.assert_allclose(gradient(less), exact, atol=error)
    assert np.abs(gradient(other) - exact).max() > 10 * error


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_returns_are_of_whole_first_episodes(clock, ends: str) -> None:
    network = PolicyAndValue(2, (8,))
    environment = clock(5, ends=ends)
    params = jax.jit(network.init)(jax.random.key(0), jnp.zeros(1))
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    trajectory = played(environment, network, params, 3, 12)
    steps = make_steps(network, False, params, trajectory, VALUES)
    weight, returns = (np.asarray(leaf).reshape(12, 3) for leaf in (steps.weight, steps.advantage))
    np.testing.assert_array_equal(weight, np.arange(12)[:, None] < np.array([5, 5, 5]))
    paid = (1 - 0.9 ** np.arange(5, 0, -1)) / 0.1
    np.testing.assert_allclose(returns[:5], np.tile(paid[:, None], 3), rtol=1e-5)

    # With a baseline: G - V, where V of the state at a time limit is what would have followed.
    steps = make_steps(network, True, params, trajectory, VALUES)
    times = jnp.arange(5, dtype=jnp.float32)[:, None]
    value = np.asarray(network.apply(params, times, method="value"))
    left = np.arange(5, 0, -1)
    target = paid + (0.9**left * value[0] if ends == "truncated" else 0.0)
    advantage = np.asarray(steps.advantage).reshape(12, 3)[:5, 0]
    np.testing.assert_allclose(advantage, target - value, rtol=1e-4, atol=1e-5)
    assert abs(0.9 * value[0]) > 1e-3  # the control: the two differ


def test_only_first_episodes_count() -> None:
    ended = np.zeros((6, 3), bool)
    ended[[1, 3], 0] = ended[5, 1] = ended[0, 2] = True
    blank = jnp.zeros((6, 3))
    no = jnp.zeros((6, 3), bool)
    trajectory = Trajectory(blank, blank, blank, jnp.asarray(ended), no, blank, blank, blank)
    np.testing.assert_array_equal(first_episodes(trajectory).sum(0), [2, 6, 1])


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_a_baseline_knows_a_time_limit_from_an_end(clock, ends: str) -> None:
    environment = clock(5, ends=ends)._replace(longest_episode=6)
    _, state = trained(environment, replace(CONFIG, episodes=1500 * 8, baseline=True))
    times = jnp.arange(5, dtype=jnp.float32)[:, None]
    value = PolicyAndValue(2, CONFIG.hidden).apply(state.params, times, method="value")
    ended = (1 - 0.9 ** np.arange(5, 0, -1)) / 0.1
    expected = ended if ends == "terminated" else np.full(5, 10.0)
    np.testing.assert_allclose(value, expected, atol=0.4)
    assert np.abs(ended - 10).min() > 5 * 0.4
    assert state.environment_steps == 1500 * 8 * 5


@pytest.mark.parametrize(("baseline", "normalise"), [(False, True), (True, False)])
def test_learns_what_pays(lever: Environment, baseline: bool, normalise: bool) -> None:
    groups = 2 if baseline else 1
    config = replace(CONFIG, baseline=baseline, normalise_returns=normalise, groups=groups)
    experiment, state = trained(lever, config)
    figures = read(experiment.evaluate(state, None, jax.random.key(0)))
    assert figures["episode_return"] == 1.0
    assert figures["stochastic_episode_return"] > 0.85
    assert figures["environment_steps"] == 800
    assert ("value_tower" in state.params["params"]) == baseline
    untrained = experiment.init(jax.random.key(0), VALUES)
    before = read(experiment.evaluate(untrained, None, jax.random.key(0)))
    assert before["stochastic_episode_return"] < 0.8  # the control


def test_metrics_of_an_update(clock) -> None:
    """Episodes of 5 steps in 4 environments, the 45 steps after them uncounted."""
    environment = clock(5, ends="terminated")
    experiment = experiment_in(
        environment, make_reinforce, replace(CONFIG, environments=4, groups=2)
    )
    state = jax.jit(experiment.init)(jax.random.key(0), VALUES)
    _, metrics = jax.jit(lambda state, key: experiment.update(state, None, key))(
        state, jax.random.key(1)
    )
    figures = read(metrics)
    assert (figures["episodes"], figures["environment_steps"]) == (4, 20)
    assert (figures["episode_return"], figures["longest_episode"]) == (5, 5)
    np.testing.assert_allclose(figures["entropy"], np.log(2), atol=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"environment": "Pole"}, "--environment Pole"),
        ({"groups": 3}, "--groups must divide --environments"),
        ({"episodes": -1}, "--episodes"),
        ({"discount": 1.5}, "--discount"),
        ({"value_weight": -0.5}, "--value-weight"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, message: str) -> None:
    assert problems_of(Reinforce()) == []
    (problem,) = problems_of(replace(Reinforce(), **change))
    assert message in problem

"""Learning in tables: single steps against NumPy, and what they come to in the end."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.options.config import floats, make_experiment, problems_of
from research.rl.algorithms.tabular import Tabular, make_tabular
from research.rl.environments.finite import (
    LAKES,
    frozen_lake,
    make_finite,
    solve,
    three_states,
)
from research.rl.environments.finite_environment import make_finite_environment

CONFIG = Tabular(
    decay_by_visit=True,
    step_size=0.5,
    step_size_decay=0.02,
    discount=0.9,
    epsilon=0.2,
    temperature=5.0,
    curiosity=20.0,
)


def _make(environment, config, mdp):
    return make_experiment(config, lambda blind: make_tabular(environment, blind, mdp))


def _traced(config):
    return {name: jnp.float32(value) for name, value in floats(config).items()}


def _train(mdp, updates, longest=100, **choices):
    config = replace(CONFIG, environment_steps=updates * 500, **choices)
    experiment = _make(make_finite_environment(mdp, "finite", longest), config, mdp)
    traced = _traced(config)

    @jax.jit
    def run(key):
        init_key, key = jax.random.split(key)

        def update(state, key):
            return experiment.update(state, None, key)

        return jax.lax.scan(
            update, experiment.init(init_key, traced), jax.random.split(key, updates)
        )

    return experiment, *run(jax.random.key(0))


def _soft(mdp, discount, epsilon):
    """The fixed point of expected SARSA: values of the ε-greedy policy that follows from them."""
    q_value = np.where(mdp.possible, 0.0, -np.inf)
    for _ in range(2000):
        best = mdp.possible & (q_value == q_value.max(-1, keepdims=True))
        policy = (1 - epsilon) * best / np.maximum(best.sum(-1, keepdims=True), 1)
        policy = policy + epsilon * mdp.possible / np.maximum(mdp.possible.sum(-1), 1)[:, None]
        value = np.where(mdp.possible, policy * np.where(mdp.possible, q_value, 0), 0).sum(-1)
        ahead = np.einsum("sat,sat->sa", mdp.transition, mdp.reward + discount * value)
        q_value = np.where(mdp.possible, ahead, -np.inf)
    return q_value


@pytest.mark.parametrize("exploration", ["uniform", "epsilon_greedy", "softmax"])
def test_q_learning_finds_the_best_whatever_is_done(exploration):
    """Also where a time limit cuts every episode after 7 steps: the process itself goes on."""
    mdp = three_states()
    _, state, _ = _train(mdp, 400, longest=7, exploration=exploration, epsilon=0.5, temperature=20)
    expected = solve(mdp, 0.9)[mdp.possible]
    np.testing.assert_allclose(np.asarray(state.q_value)[mdp.possible], expected, atol=1.5)
    assert state.visits.sum() == 200_000


@pytest.mark.parametrize("method", ["sarsa", "expected_sarsa"])
def test_sarsa_values_what_it_does(method):
    """The values of the ε-greedy policy itself, which are not the best ones."""
    mdp = three_states()
    _, state, _ = _train(mdp, 400, method=method, exploration="epsilon_greedy", epsilon=0.5)
    expected = _soft(mdp, 0.9, 0.5)[mdp.possible]
    found = np.asarray(state.q_value)[mdp.possible]
    np.testing.assert_allclose(found, expected, atol=1.5)
    assert np.abs(solve(mdp, 0.9)[mdp.possible] - expected).max() > 5


def test_an_end_is_worth_nothing_and_a_limit_is():
    """One state, reward 1 a step. Cut after 5 steps: 1 / (1 - γ). Ended by chance: less."""
    going = make_finite(np.ones((1, 1, 1)), np.ones((1, 1, 1)))
    _, state, _ = _train(going, 100, longest=5)
    assert float(state.q_value[0, 0]) == pytest.approx(10, abs=0.1)
    ending = make_finite(
        np.array([[[0.8, 0.2]], [[0.0, 0.0]]]),
        np.ones((2, 1, 2)),
        terminal=np.array([False, True]),
    )
    _, state, _ = _train(ending, 400, longest=50, step_size_decay=0.2)
    assert float(state.q_value[0, 0]) == pytest.approx(1 / (1 - 0.9 * 0.8), abs=0.1)


@pytest.mark.parametrize("method", ["q_learning", "sarsa", "expected_sarsa"])
def test_single_steps_are_the_equations(method):
    """The whole table after each of 60 steps, replayed in NumPy from what the steps show."""
    mdp = frozen_lake(LAKES["4x4"])
    environment = make_finite_environment(mdp, "lake", 6)
    config = replace(CONFIG, environment_steps=60, steps_per_update=1, method=method)
    experiment = _make(environment, config, mdp)
    state = experiment.init(jax.random.key(2), _traced(config))
    state = state._replace(q_value=jax.random.normal(jax.random.key(3), (16, 4)))
    update, cut = jax.jit(experiment.update), 0
    for index in range(60):
        table = np.asarray(state.q_value, np.float64)
        at = int(state.observation), int(state.action)
        key = jax.random.key(index)
        after, _ = update(state, None, key)
        step_key = jax.random.split(jax.random.split(key, 1)[0], 3)[0]
        _, shown = environment.step(step_key, state.environment, state.action)
        there = int(shown.final_observation)
        best = table[there] == table[there].max()
        policy = 0.8 * best / best.sum() + 0.2 / 4
        done = bool(shown.terminated | shown.truncated)
        cut += bool(shown.truncated)
        future = {
            "q_learning": table[there].max(),
            "expected_sarsa": policy @ table[there],
            "sarsa": table[there, int(after.action)],
        }[method]
        if method == "sarsa" and bool(shown.truncated):
            state = after
            continue  # the action that would have followed is not kept
        alpha = 0.5 / (1 + 0.02 * int(state.visits[at]))
        target = float(shown.reward) + 0.9 * (0 if shown.terminated else future)
        table[at] += alpha * (target - table[at])
        np.testing.assert_allclose(after.q_value, table, rtol=1e-5, atol=1e-6)
        assert int(after.observation) == (0 if done else there)
        state = after
    assert cut >= 3


def test_curiosity_tries_everything_again():
    """Without it, ties between values of 0 have each action tried once, and no more."""
    possible = three_states().possible
    for curiosity, everything in ((500.0, True), (0.0, False)):
        _, state, _ = _train(three_states(), 20, exploration="count_based", curiosity=curiosity)
        assert (np.asarray(state.visits)[possible].min() > 3) == everything, state.visits


def test_episodes_are_counted_in_training():
    mdp = frozen_lake(LAKES["4x4"])
    _, _, metrics = _train(mdp, 20, exploration="uniform", longest=10)
    ended = np.asarray(metrics["episodes"].total).sum()
    returns = np.asarray(metrics["episode_return"].total).sum() / ended
    assert ended > 20 * 500 / 10
    assert 0 < returns < 0.1  # at random the goal is reached in about one of a hundred episodes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": "CartPole-v1"}, "not indices of states"),
        ({"environment": "Mazefinite"}, "did you mean Maze-finite"),
        ({"step_size": 0.0}, "--step-size must be above 0"),
        ({"discount": 1.0}, "--discount"),
    ],
)
def test_what_does_not_fit_is_said(changes, message):
    problems = problems_of(Tabular(**changes))
    assert len(problems) == 1 and message in problems[0]

"""Searches for a policy as experiments, on tiny environments."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.rl import (
    cartpole_cma_es,
    cartpole_evolution_strategies,
    cartpole_genetic,
    cartpole_hard_coded,
    cartpole_hill_climbing,
    cartpole_random_search,
)
from experiments.rl.cartpole_hard_coded import rule
from research.engine.experiment import Experiment
from research.engine.metrics import read
from research.options.config import problems_of
from research.rl.algorithms.fixed_policy import make_fixed_policy
from research.rl.algorithms.policy_search import (
    PolicySearchState,
    make_policy_search,
    make_vector_policy,
    play,
)
from research.rl.distributions import Categorical
from research.rl.environments.interface import Discrete, Environment, TimeStep
from research.rl.evaluation import run_episodes
from research.rl.policy import memoryless
from tests.rl.searches import SEARCHES, traced


def tried(environment: Environment, name: str, generations: int = 12) -> tuple:
    config = replace(SEARCHES[name], generations=generations)
    experiment = make_policy_search(environment, config)

    @jax.jit
    def train(key):
        start = experiment.init(key, traced(config))

        def update(state, key):
            state, metrics = experiment.update(state, None, key)
            return state, (metrics, state.best)

        return jax.lax.scan(update, start, jax.random.split(key, generations))

    state, (metrics, best) = train(jax.random.key(0))
    return experiment, state, metrics, best


@pytest.mark.parametrize("name", SEARCHES)
def test_the_lever_is_pulled(lever: Environment, name: str) -> None:
    experiment, state, metrics, _ = tried(lever, name)
    told = read(experiment.evaluate(state, None, jax.random.key(1)))
    assert told["episode_return"] == 1.0
    # Each episode is one step: 20 candidates play 2, two rivals 4 each.
    np.testing.assert_array_equal(metrics["environment_steps"].total, [48.0] * 12)
    assert told["environment_steps"] == 12 * 48 == 12 * experiment.items_per_step
    assert float(metrics["best_fitness"].value[-1]) == 1.0
    assert 0.0 <= float(metrics["fitness"].total[0]) / 20 < 1.0


def test_steps_of_whole_episodes_are_counted(clock) -> None:
    _, state, metrics, _ = tried(clock(7, ends="truncated"), "random", 2)
    np.testing.assert_array_equal(metrics["environment_steps"].total, [48.0 * 7] * 2)
    assert int(state.environment_steps) == 2 * 48 * 7


def dice() -> Environment:
    """One step that pays a fair coin, whatever is done: fitness is all luck."""

    def reset(key):
        return jnp.int32(0), jnp.ones(1, jnp.float32)

    def step(key, state, action):
        pay = jax.random.bernoulli(key).astype(jnp.float32)
        seen = jnp.ones(1, jnp.float32)
        return state, TimeStep(seen, pay, jnp.bool_(True), jnp.bool_(False), seen)

    return Environment("dice", reset, step, (1,), Discrete(2), 1)


def test_luck_does_not_unseat_the_best() -> None:
    # All rivals are dealt the same, so that equals come out equal, and the first one stays.
    _, _, _, best = tried(dice(), "random")
    np.testing.assert_array_equal(best, np.broadcast_to(best[0], best.shape))
    still = memoryless(lambda seen: Categorical(seen * jnp.zeros(2)))
    fortunes = run_episodes(dice(), still, jax.random.key(0), 64, rivals=3)
    assert fortunes.episode_return.shape == (3, 64)
    np.testing.assert_array_equal(fortunes.episode_return[0], fortunes.episode_return[2])
    assert 0.2 < float(jnp.mean(fortunes.episode_return)) < 0.8


def test_rivals_play_as_each_would_alone(lever: Environment) -> None:
    parameters, policy = make_vector_policy(lever, (), False)
    vectors = jnp.array([[1.0, -1.0], [-1.0, 1.0]])
    assert parameters == 2
    together = play(lever, policy, vectors, jax.random.key(0), 5)
    np.testing.assert_array_equal(together.episode_return, [[0.0] * 5, [1.0] * 5])
    apart = [play(lever, policy, vectors[i : i + 1], jax.random.key(0), 5) for i in (0, 1)]
    for name in together._fields:
        both = np.concatenate([getattr(one, name) for one in apart])
        np.testing.assert_array_equal(getattr(together, name), both)


@pytest.mark.parametrize(
    ("units", "bias", "parameters"), [((), False, 2), ((), True, 4), ((3,), False, 6 + 6)]
)
def test_policies_have_the_parameters_they_should(lever, units, bias, parameters) -> None:
    assert make_vector_policy(lever, units, bias)[0] == parameters


def test_more_steps_than_can_be_counted_are_refused(lever: Environment) -> None:
    config = replace(
        SEARCHES["random"], generations=2**20, candidates=2**10, episodes=2**3, trial_episodes=1
    )
    with pytest.raises(ValueError, match="environment steps"):
        make_policy_search(lever, config)


def test_a_fixed_policy_is_measured_and_stays(lever: Environment) -> None:
    def always(values, observations):
        policy = make_vector_policy(lever, (), False)[1]
        return policy(jnp.stack([0.0, values["pull"]]), observations)

    for pull in (1.0, -1.0):
        experiment: Experiment = make_fixed_policy(lever, always, 8)
        state = experiment.init(jax.random.key(0), {"pull": jnp.float32(pull)})
        told = read(experiment.evaluate(state, None, jax.random.key(1)))
        assert told["episode_return"] == (pull > 0) and told["return_deviation"] == 0.0
        assert told["episodes"] == 8.0 and experiment.steps == 0


def test_the_rule_pushes_towards_the_lean() -> None:
    seen = jnp.array([[0.0, 0.0, 0.1, -0.3], [0.0, 0.0, -0.1, 0.3], [5.0, -5.0, 0.2, 0.0]])
    values = {"angle_weight": jnp.float32(1), "angular_velocity_weight": jnp.float32(0)}
    np.testing.assert_array_equal(rule(values, seen).mode(), [1, 0, 1])
    both = values | {"angular_velocity_weight": jnp.float32(1)}
    np.testing.assert_array_equal(rule(both, seen).mode(), [0, 1, 1])


def test_the_best_so_far_is_a_buffer_of_its_own(lever: Environment) -> None:
    for config in SEARCHES.values():
        experiment = make_policy_search(lever, config)
        state: PolicySearchState = experiment.init(jax.random.key(0), traced(config))
        places = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state)]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("module", "change", "said"),
    [
        (cartpole_hard_coded, {"evaluation_episodes": 1}, "--evaluation-episodes"),
        (cartpole_hard_coded, {"angle_weight": float("inf")}, "--angle-weight"),
        (cartpole_random_search, {"environment": "Pendulum-v1"}, "CartPole-v1"),
        (cartpole_random_search, {"candidates": 0}, "--candidates"),
        (cartpole_random_search, {"deviation": 0.0}, "--deviation"),
        (cartpole_hill_climbing, {"candidates": 1}, "--candidates"),
        (cartpole_hill_climbing, {"factor": 0.5}, "--factor"),
        (
            cartpole_hill_climbing,
            {"smallest_deviation": 3.0},
            "at most 2 (--largest-deviation), not 3",
        ),
        (
            cartpole_genetic,
            {"elites": 32},
            "below 32 (--candidates), not 32",
        ),
        (cartpole_genetic, {"elites": 0}, "--elites"),
        (cartpole_genetic, {"crossover_rate": 1.5}, "--crossover-rate"),
        (cartpole_evolution_strategies, {"candidates": 7}, "--candidates must be even"),
        (cartpole_evolution_strategies, {"learning_rate": 0.0}, "--learning-rate"),
        (cartpole_cma_es, {"candidates": 3}, "--candidates"),
    ],
)
def test_what_does_not_fit_is_said(module, change: dict, said: str) -> None:
    assert problems_of(module.config) == []
    assert any(said in problem for problem in problems_of(replace(module.config, **change)))

"""Searches on functions that are known exactly, and as experiments on tiny environments."""

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
from research.engine.experiment import Experiment
from research.engine.metrics import read
from research.rl.algorithms import policy_search_strategies as strategies
from research.rl.algorithms.fixed_policy import make_fixed_policy
from research.rl.algorithms.policy_search import (
    PolicySearchState,
    Search,
    Sizes,
    make_policy_search,
    make_vector_policy,
    play,
)
from research.rl.algorithms.policy_search_covariance import cma_es
from research.rl.algorithms.policy_search_genetic import (
    chosen_parents,
    crossed,
    genetic_algorithm,
)
from research.rl.algorithms.policy_search_local import hill_climbing, random_search
from research.rl.environments.environment import Discrete, Environment, TimeStep
from research.rl.evaluation import run_episodes

VALUES = {
    "deviation": 0.5,
    "smallest_deviation": 1e-3,
    "largest_deviation": 2.0,
    "factor": 2.0,
    "mutation_deviation": 0.1,
    "crossover_rate": 0.5,
    "learning_rate": 0.1,
}
SEARCHES = {
    "random": lambda n: random_search(n, 20),
    "hill": lambda n: hill_climbing(n, 20),
    "genetic": lambda n: genetic_algorithm(n, 20, elites=3, tournament=3),
    "strategies": lambda n: strategies.evolution_strategies(n, 20),
    "covariance": lambda n: cma_es(n, 20),
}
TARGET = jnp.array([1.0, -1.0, 0.5])


def traced() -> dict[str, jax.Array]:
    return {name: jnp.float32(value) for name, value in VALUES.items()}


def sphere(points: jax.Array) -> jax.Array:
    return -jnp.sum(jnp.square(points - TARGET), axis=-1)


def searched(search: Search, fitness, generations: int, seed: int = 0):
    """The answer, and of each generation the state before it and the population."""

    @jax.jit
    def run(key):
        start = search.init(jax.random.fold_in(key, 0), traced())

        def generation(state, key):
            ask_key, tell_key = jax.random.split(key)
            asked, population = search.ask(state, ask_key, traced())
            after = search.tell(asked, population, fitness(population), tell_key, traced())
            return after, (search.answer(after), population)

        keys = jax.random.split(jax.random.fold_in(key, 1), generations)
        last, seen = jax.lax.scan(generation, start, keys)
        return search.answer(last), seen

    return run(jax.random.key(seed))


@pytest.mark.parametrize(
    ("name", "near"),
    [("hill", 1e-2), ("genetic", 0.1), ("strategies", 0.1), ("covariance", 1e-4)],
)
def test_a_search_finds_the_top_of_a_sphere(name: str, near: float) -> None:
    answer, _ = searched(SEARCHES[name](3), sphere, 100)
    np.testing.assert_allclose(answer, TARGET, atol=near)
    # And the other way from one that is told the opposite.
    astray, _ = searched(SEARCHES[name](3), lambda points: -sphere(points), 100)
    assert float(sphere(astray)) < float(sphere(jnp.zeros(3)))


def test_random_search_answers_with_the_fittest_it_drew() -> None:
    _, (answers, populations) = searched(SEARCHES["random"](3), sphere, 50)
    fittest = jnp.argmax(sphere(populations), axis=1)
    np.testing.assert_array_equal(answers, populations[jnp.arange(50), fittest])
    assert float(jnp.std(populations)) == pytest.approx(VALUES["deviation"], rel=0.05)


def test_hill_climbing_never_gets_worse() -> None:
    def rugged(points):
        return sphere(points) + jnp.sum(jnp.cos(20.0 * points), axis=-1)

    _, (answers, populations) = searched(SEARCHES["hill"](3), rugged, 100)
    heights = np.asarray(rugged(answers))
    assert (np.diff(heights) >= 0).all() and heights[-1] > heights[0]
    np.testing.assert_array_equal(populations[1:, 0], answers[:-1])
    # Random search, on the same function, does get worse at times.
    _, (answers, _) = searched(SEARCHES["random"](3), rugged, 100)
    assert (np.diff(np.asarray(rugged(answers))) < 0).any()


def test_steps_shrink_after_a_success_and_grow_after_none() -> None:
    search, values = hill_climbing(2, 4), traced()
    start = search.init(jax.random.key(0), values)
    _, population = search.ask(start, jax.random.key(1), values)

    def told(fitness, climb=start):
        return search.tell(climb, population, jnp.array(fitness), jax.random.key(2), values)

    moved = told([0.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(moved.point, population[2])
    assert float(moved.deviation) == 0.25
    stayed = told([1.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(stayed.point, start.point)
    assert float(stayed.deviation) == 1.0
    wide = start._replace(deviation=jnp.float32(1.5))
    assert float(told([1.0, 0.0, 0.0, 0.0], wide).deviation) == 2.0


def test_elites_stay_and_the_fittest_is_in_front() -> None:
    _, (answers, populations) = searched(SEARCHES["genetic"](3), sphere, 30)
    for before, after, answer in zip(populations[:-1], populations[1:], answers, strict=False):
        order = np.argsort(-np.asarray(sphere(before)), kind="stable")[:3]
        np.testing.assert_array_equal(after[:3], np.asarray(before)[order])
        np.testing.assert_array_equal(answer, after[0])
    assert not np.isin(np.asarray(populations[1][3:]), np.asarray(populations[0])).any()


def test_tournaments_choose_by_the_known_odds() -> None:
    fitness = jnp.array([3.0, 0.0, 2.0, 1.0])
    parents = chosen_parents(fitness, jax.random.key(0), 40_000, 2)
    share = np.bincount(np.asarray(parents), minlength=4) / 40_000
    np.testing.assert_allclose(share, np.array([7, 1, 5, 3]) / 16, atol=0.01)
    alone = chosen_parents(fitness, jax.random.key(0), 40_000, 1)
    np.testing.assert_allclose(np.bincount(np.asarray(alone)) / 40_000, 0.25, atol=0.01)


def test_crossover_mixes_what_both_parents_have() -> None:
    first, second = jnp.zeros((4000, 5)), jnp.ones((4000, 5))
    child = np.asarray(crossed(first, second, jax.random.key(0), jnp.float32(0.5)))
    assert set(np.unique(child)) == {0.0, 1.0}
    assert child.mean() == pytest.approx(0.25, abs=0.01)
    # Half are copies of the first parent, and 1 in 32 of the others is one by chance.
    assert (child.sum(1) == 0).mean() == pytest.approx(0.5 + 0.5 / 32, abs=0.03)
    assert not crossed(first, second, jax.random.key(0), jnp.float32(0.0)).any()


def test_the_gradient_of_a_quadratic_is_exact_but_for_the_draw() -> None:
    noise = jax.random.normal(jax.random.key(0), (6, 3))
    centre, slope, offset = jnp.array([0.3, -0.2, 0.1]), jnp.array([1.0, 2.0, -1.0]), 100.0

    def quadratic(points):
        return offset + points @ slope - jnp.sum(jnp.square(points), axis=-1)

    above, below = quadratic(centre + 0.5 * noise), quadratic(centre - 0.5 * noise)
    estimate = strategies.gradient_estimate(noise, above, below, 0.5)
    # F(c + σε) - F(c - σε) = 2σ ε · ∇F(c): what is left is (1 / n) Σ ε εᵀ ∇F(c).
    expected = noise.T @ noise / 6 @ (slope - 2.0 * centre)
    np.testing.assert_allclose(estimate, expected, rtol=1e-3)
    # Without mirror images the constant comes in.
    alone = (above / 0.5) @ noise / 6
    assert float(jnp.linalg.norm(alone - expected)) > 10.0


def test_the_gradient_of_many_draws_is_that_of_the_blurred_function() -> None:
    noise = jax.random.normal(jax.random.key(1), (200_000, 1))
    above, below = jnp.sin(1.0 + 0.5 * noise[:, 0]), jnp.sin(1.0 - 0.5 * noise[:, 0])
    estimate = strategies.gradient_estimate(noise, above, below, 0.5)
    # E sin(x + σε) = exp(-σ²/2) sin x.
    assert float(estimate[0]) == pytest.approx(np.exp(-0.125) * np.cos(1.0), abs=5e-3)


def test_ranks_are_centred_and_equals_are_equal() -> None:
    ranks = strategies.centred_ranks(jnp.array([5.0, -1.0, 1e9, 5.0, 0.0]))
    np.testing.assert_allclose(ranks, [0.125, -0.5, 0.5, 0.125, -0.25])
    np.testing.assert_array_equal(strategies.centred_ranks(jnp.ones(4)), np.zeros(4))


def test_equals_leave_a_strategy_where_it_is() -> None:
    answer, _ = searched(SEARCHES["strategies"](3), lambda points: jnp.zeros(len(points)), 5)
    np.testing.assert_array_equal(answer, np.zeros(3))


def ellipsoid(points: jax.Array) -> jax.Array:
    """Axes that differ a thousandfold, and lie across the coordinates."""
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))
    weight = 10.0 ** np.linspace(0, 6, 6)
    return -jnp.sum(weight * jnp.square((points - 1.0) @ jnp.asarray(turned, jnp.float32)), axis=-1)


def test_covariances_adapt_to_an_ill_conditioned_ellipsoid() -> None:
    answer, _ = searched(SEARCHES["covariance"](6), ellipsoid, 300)
    np.testing.assert_allclose(answer, np.ones(6), atol=1e-2)
    # What knows of no direction creeps.
    answer, _ = searched(SEARCHES["hill"](6), ellipsoid, 300)
    assert float(jnp.max(jnp.abs(answer - 1.0))) > 0.1


def tried(environment: Environment, name: str, generations: int = 12) -> tuple:
    sizes = Sizes(generations, 20, 2, 4, evaluation_episodes=4)
    experiment = make_policy_search(environment, SEARCHES[name], sizes, VALUES)

    @jax.jit
    def train(key):
        start = experiment.init(key, traced())

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
    fortunes = run_episodes(dice(), lambda seen, key: seen[..., 0], jax.random.key(0), 64, 3)
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
    sizes = Sizes(2**20, 2**10, 2**3, 1)
    with pytest.raises(ValueError, match="environment steps"):
        make_policy_search(lever, SEARCHES["random"], sizes, VALUES)


def test_a_fixed_policy_is_measured_and_stays(lever: Environment) -> None:
    def always(values, observations):
        policy = make_vector_policy(lever, (), False)[1]
        return policy(jnp.stack([0.0, values["pull"]]), observations)

    for pull in (1.0, -1.0):
        experiment: Experiment = make_fixed_policy(lever, always, 8, {"pull": pull})
        state = experiment.init(jax.random.key(0), {"pull": jnp.float32(pull)})
        told = read(experiment.evaluate(state, None, jax.random.key(1)))
        assert told["episode_return"] == (pull > 0) and told["return_deviation"] == 0.0
        assert told["episodes"] == 8.0 and experiment.steps == 0


def test_the_rule_pushes_towards_the_lean() -> None:
    seen = jnp.array([[0.0, 0.0, 0.1, -0.3], [0.0, 0.0, -0.1, 0.3], [5.0, -5.0, 0.2, 0.0]])
    values = {"angle_weight": jnp.float32(1), "angular_velocity_weight": jnp.float32(0)}
    np.testing.assert_array_equal(cartpole_hard_coded.rule(values, seen).mode(), [1, 0, 1])
    both = values | {"angular_velocity_weight": jnp.float32(1)}
    np.testing.assert_array_equal(cartpole_hard_coded.rule(both, seen).mode(), [0, 1, 1])


def test_the_best_so_far_is_a_buffer_of_its_own(lever: Environment) -> None:
    sizes = Sizes(1, 20, 2, 4)
    for make_search in SEARCHES.values():
        experiment = make_policy_search(lever, make_search, sizes, VALUES)
        state: PolicySearchState = experiment.init(jax.random.key(0), traced())
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
        (cartpole_hill_climbing, {"smallest_deviation": 3.0}, "--smallest-deviation 3"),
        (cartpole_genetic, {"elites": 32}, "--elites 32"),
        (cartpole_genetic, {"elites": 0}, "--elites"),
        (cartpole_genetic, {"crossover_rate": 1.5}, "--crossover-rate"),
        (cartpole_evolution_strategies, {"candidates": 7}, "--candidates must be even"),
        (cartpole_evolution_strategies, {"learning_rate": 0.0}, "--learning-rate"),
        (cartpole_cma_es, {"candidates": 3}, "--candidates"),
    ],
)
def test_what_does_not_fit_is_said(module, change: dict, said: str) -> None:
    assert module.validate(module.Config()) == []
    assert any(said in problem for problem in module.validate(replace(module.Config(), **change)))

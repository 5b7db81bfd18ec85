"""Searches on functions that are known exactly."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.algorithms.evolution import (
    centred_ranks,
    cross_over,
    gradient_estimate,
    select_parents,
)
from research.rl.algorithms.local_search import hill_climbing
from tests.rl.searches import SEARCHES, traced

TARGET = jnp.array([1.0, -1.0, 0.5])


def sphere(points: jax.Array) -> jax.Array:
    return -jnp.sum(jnp.square(points - TARGET), axis=-1)


def searched(name: str, parameters: int, fitness, generations: int):
    """The answer, and of each generation the answer after it and the population."""
    search, values = SEARCHES[name].search(parameters), traced(SEARCHES[name])

    @jax.jit
    def run(key):
        start = search.init(jax.random.fold_in(key, 0), values)

        def generation(state, key):
            ask_key, tell_key = jax.random.split(key)
            asked, population = search.ask(state, ask_key, values)
            after = search.tell(asked, population, fitness(population), tell_key, values)
            return after, (search.answer(after), population)

        keys = jax.random.split(jax.random.fold_in(key, 1), generations)
        last, seen = jax.lax.scan(generation, start, keys)
        return search.answer(last), seen

    return run(jax.random.key(0))


@pytest.mark.parametrize(
    ("name", "near"),
    [("hill", 1e-2), ("genetic", 0.1), ("strategies", 0.1), ("covariance", 1e-4)],
)
def test_a_search_finds_the_top_of_a_sphere(name: str, near: float) -> None:
    answer, _ = searched(name, 3, sphere, 100)
    np.testing.assert_allclose(answer, TARGET, atol=near)
    # And the other way from one that is told the opposite.
    astray, _ = searched(name, 3, lambda points: -sphere(points), 100)
    assert float(sphere(astray)) < float(sphere(jnp.zeros(3)))


def test_random_search_answers_with_the_fittest_it_drew() -> None:
    _, (answers, populations) = searched("random", 3, sphere, 50)
    fittest = jnp.argmax(sphere(populations), axis=1)
    np.testing.assert_array_equal(answers, populations[jnp.arange(50), fittest])
    assert float(jnp.std(populations)) == pytest.approx(SEARCHES["random"].deviation, rel=0.05)


def test_hill_climbing_never_gets_worse() -> None:
    def rugged(points):
        return sphere(points) + jnp.sum(jnp.cos(20.0 * points), axis=-1)

    _, (answers, populations) = searched("hill", 3, rugged, 100)
    heights = np.asarray(rugged(answers))
    assert (np.diff(heights) >= 0).all() and heights[-1] > heights[0]
    np.testing.assert_array_equal(populations[1:, 0], answers[:-1])
    # Random search, on the same function, does get worse at times.
    _, (answers, _) = searched("random", 3, rugged, 100)
    assert (np.diff(np.asarray(rugged(answers))) < 0).any()


def test_steps_shrink_after_a_success_and_grow_after_none() -> None:
    search, values = hill_climbing(2, 4), traced(SEARCHES["hill"])
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
    _, (answers, populations) = searched("genetic", 3, sphere, 30)
    for before, after, answer in zip(populations[:-1], populations[1:], answers, strict=False):
        order = np.argsort(-np.asarray(sphere(before)), kind="stable")[:3]
        np.testing.assert_array_equal(after[:3], np.asarray(before)[order])
        np.testing.assert_array_equal(answer, after[0])
    assert not np.isin(np.asarray(populations[1][3:]), np.asarray(populations[0])).any()


def test_tournaments_choose_by_the_known_odds() -> None:
    fitness = jnp.array([3.0, 0.0, 2.0, 1.0])
    parents = select_parents(fitness, jax.random.key(0), 40_000, 2)
    share = np.bincount(np.asarray(parents), minlength=4) / 40_000
    np.testing.assert_allclose(share, np.array([7, 1, 5, 3]) / 16, atol=0.01)
    alone = select_parents(fitness, jax.random.key(0), 40_000, 1)
    np.testing.assert_allclose(np.bincount(np.asarray(alone)) / 40_000, 0.25, atol=0.01)


def test_crossover_mixes_what_both_parents_have() -> None:
    first, second = jnp.zeros((4000, 5)), jnp.ones((4000, 5))
    child = np.asarray(cross_over(first, second, jax.random.key(0), jnp.float32(0.5)))
    assert set(np.unique(child)) == {0.0, 1.0}
    assert child.mean() == pytest.approx(0.25, abs=0.01)
    # Half are copies of the first parent, and 1 in 32 of the others is one by chance.
    assert (child.sum(1) == 0).mean() == pytest.approx(0.5 + 0.5 / 32, abs=0.03)
    assert not cross_over(first, second, jax.random.key(0), jnp.float32(0.0)).any()


def test_the_gradient_of_a_quadratic_is_exact_but_for_the_draw() -> None:
    noise = jax.random.normal(jax.random.key(0), (6, 3))
    centre, slope, offset = jnp.array([0.3, -0.2, 0.1]), jnp.array([1.0, 2.0, -1.0]), 100.0

    def quadratic(points):
        return offset + points @ slope - jnp.sum(jnp.square(points), axis=-1)

    above, below = quadratic(centre + 0.5 * noise), quadratic(centre - 0.5 * noise)
    estimate = gradient_estimate(noise, above, below, 0.5)
    # F(c + σε) - F(c - σε) = 2σ ε · ∇F(c): what is left is (1 / n) Σ ε εᵀ ∇F(c).
    expected = noise.T @ noise / 6 @ (slope - 2.0 * centre)
    np.testing.assert_allclose(estimate, expected, rtol=1e-3)
    # Without mirror images the constant comes in.
    alone = (above / 0.5) @ noise / 6
    assert float(jnp.linalg.norm(alone - expected)) > 10.0


def test_the_gradient_of_many_draws_is_that_of_the_blurred_function() -> None:
    noise = jax.random.normal(jax.random.key(1), (200_000, 1))
    above, below = jnp.sin(1.0 + 0.5 * noise[:, 0]), jnp.sin(1.0 - 0.5 * noise[:, 0])
    estimate = gradient_estimate(noise, above, below, 0.5)
    # E sin(x + σε) = exp(-σ²/2) sin x.
    assert float(estimate[0]) == pytest.approx(np.exp(-0.125) * np.cos(1.0), abs=5e-3)


def test_ranks_are_centred_and_equals_are_equal() -> None:
    ranks = centred_ranks(jnp.array([5.0, -1.0, 1e9, 5.0, 0.0]))
    np.testing.assert_allclose(ranks, [0.125, -0.5, 0.5, 0.125, -0.25])
    np.testing.assert_array_equal(centred_ranks(jnp.ones(4)), np.zeros(4))


def test_equals_leave_a_strategy_where_it_is() -> None:
    answer, _ = searched("strategies", 3, lambda points: jnp.zeros(len(points)), 5)
    np.testing.assert_array_equal(answer, np.zeros(3))


def ellipsoid(points: jax.Array) -> jax.Array:
    """Axes that differ a thousandfold, and lie across the coordinates."""
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))
    weight = 10.0 ** np.linspace(0, 6, 6)
    return -jnp.sum(weight * jnp.square((points - 1.0) @ jnp.asarray(turned, jnp.float32)), axis=-1)


def test_covariances_adapt_to_an_ill_conditioned_ellipsoid() -> None:
    answer, _ = searched("covariance", 6, ellipsoid, 300)
    np.testing.assert_allclose(answer, np.ones(6), atol=1e-2)
    # What knows of no direction creeps.
    answer, _ = searched("hill", 6, ellipsoid, 300)
    assert float(jnp.max(jnp.abs(answer - 1.0))) > 0.1

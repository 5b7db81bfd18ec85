"""A genetic algorithm on vectors: tournaments, crossover, mutation, and elites that stay."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.rl.algorithms.policy_search import Search


def chosen_parents(fitness: jax.Array, key: Key, parents: int, tournament: int) -> jax.Array:
    """The winners of tournaments between candidates drawn with replacement.

    Args:
        fitness: float32 `[candidates]`.
        key: for the draw.
        parents: tournaments.
        tournament: candidates in each.

    Returns:
        int32 `[parents]`, numbers of candidates. The k-th fittest of n (from 0, all different)
        wins with probability ((n - k)^t - (n - k - 1)^t) / n^t in a tournament of t.

    Source: Goldberg & Deb 1991, *A comparative analysis of selection schemes*.
    """
    entrants = jax.random.randint(key, (parents, tournament), 0, len(fitness))
    winners = jnp.argmax(fitness[entrants], axis=1)
    return jnp.take_along_axis(entrants, winners[:, None], axis=1)[:, 0]


def crossed(first: jax.Array, second: jax.Array, key: Key, rate: jax.Array) -> jax.Array:
    """Uniform crossover: each number from the second parent with probability 1/2.

    Args:
        first: float32 `[children, parameters]`.
        second: the other parents, likewise.
        key: for the draw.
        rate: the share of children that have two parents; others are copies of the first.

    Source: Syswerda 1989, *Uniform crossover in genetic algorithms*.
    """
    pair_key, number_key = jax.random.split(key)
    mixed = jax.random.bernoulli(pair_key, rate, (len(first), 1))
    other = jax.random.bernoulli(number_key, 0.5, first.shape)
    return jnp.where(mixed & other, second, first)


def genetic_algorithm(parameters: int, candidates: int, elites: int, tournament: int) -> Search:
    """Children of the fitter take the place of the less fit, generation by generation.

    The state is the next population, float32 `[candidates, parameters]`, elites first, the
    fittest at the very front; it is the answer.

    Args:
        parameters: numbers in a vector.
        candidates: vectors in a population; hyper-parameters are `deviation` (of the first
            population), `crossover_rate`, and `mutation_deviation` (of the normal noise that is
            added to each number of a child).
        elites: the fittest that stay as they are, fewer than `candidates`.
        tournament: candidates among which a parent is chosen.

    Source: Eiben & Smith 2015, *Introduction to Evolutionary Computing*, chapters 4 and 5; for
    policies Such et al. 2017 (arXiv 1712.06567), algorithm 1, without crossover.
    """
    children = candidates - elites

    def init(key: Key, values: Hyperparameters) -> jax.Array:
        return values["deviation"] * jax.random.normal(key, (candidates, parameters))

    def ask(
        population: jax.Array, key: Key, values: Hyperparameters
    ) -> tuple[jax.Array, jax.Array]:
        del key, values
        return population, population

    def tell(
        state: jax.Array,
        population: jax.Array,
        fitness: jax.Array,
        key: Key,
        values: Hyperparameters,
    ) -> jax.Array:
        del state
        parent_key, cross_key, mutation_key = jax.random.split(key, 3)
        parents = population[chosen_parents(fitness, parent_key, 2 * children, tournament)]
        born = crossed(parents[:children], parents[children:], cross_key, values["crossover_rate"])
        born += values["mutation_deviation"] * jax.random.normal(mutation_key, born.shape)
        staying = population[jnp.argsort(-fitness)[:elites]]
        return jnp.concatenate([staying, born])

    return Search(init, ask, tell, answer=lambda population: population[0])

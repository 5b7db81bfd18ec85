"""The searches under test, and the values of what they ask for."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from research.rl.algorithms.policy_search_covariance import cma_es
from research.rl.algorithms.policy_search_genetic import genetic_algorithm
from research.rl.algorithms.policy_search_local import hill_climbing, random_search
from research.rl.algorithms.policy_search_strategies import evolution_strategies

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
    "strategies": lambda n: evolution_strategies(n, 20),
    "covariance": lambda n: cma_es(n, 20),
}


def traced() -> dict[str, jax.Array]:
    return {name: jnp.float32(value) for name, value in VALUES.items()}

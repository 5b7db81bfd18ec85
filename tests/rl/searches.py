"""The searches under test, and their hyper-parameters as a state has them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from research.options.config import floats
from research.rl.algorithms.evolution import CMAES, EvolutionStrategies, GeneticAlgorithm
from research.rl.algorithms.local_search import HillClimbing, RandomSearch
from research.rl.algorithms.policy_search import PolicySearch

SMALL: dict[str, Any] = {
    "candidates": 20, "episodes": 2, "trial_episodes": 4, "evaluation_episodes": 4,
    "deviation": 0.5,
}  # fmt: skip
SEARCHES: dict[str, PolicySearch] = {
    "random": RandomSearch(**SMALL),
    "hill": HillClimbing(**SMALL, smallest_deviation=1e-3),
    "genetic": GeneticAlgorithm(**SMALL, elites=3, mutation_deviation=0.1),
    "strategies": EvolutionStrategies(**SMALL),
    "covariance": CMAES(**SMALL),
}


def traced(config: PolicySearch) -> dict[str, jax.Array]:
    return {name: jnp.float32(value) for name, value in floats(config).items()}

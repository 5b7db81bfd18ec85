"""CMA-ES by evosax: the covariance of the samples learns the shape of the fitness."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.rl.algorithms.policy_search import Search


def cma_es(parameters: int, candidates: int) -> Search:
    """Covariance matrix adaptation, with negative weights too; the answer is the mean.

    The state is evosax's. Its cost is that of one eigendecomposition of a matrix `[parameters,
    parameters]` a generation.

    Args:
        parameters: numbers in a vector.
        candidates: vectors in a population, at least 4; hyper-parameter `deviation` is the first
            step size, σ, of a search that starts at 0.

    Source: Hansen 2016, *The CMA evolution strategy: a tutorial* (arXiv 1604.00772), appendix A.
    """
    # evosax takes a second to import: only for those who search with it.
    from evosax.algorithms.distribution_based.cma_es import CMA_ES

    strategy = CMA_ES(population_size=candidates, solution=jnp.zeros(parameters))

    def settings(values: Hyperparameters) -> Any:
        return strategy.default_params.replace(std_init=values["deviation"])

    def init(key: Key, values: Hyperparameters) -> Any:
        return strategy.init(key, jnp.zeros(parameters), settings(values))

    def ask(state: Any, key: Key, values: Hyperparameters) -> tuple[Any, jax.Array]:
        population, state = strategy.ask(key, state, settings(values))
        return state, population

    def tell(
        state: Any, population: jax.Array, fitness: jax.Array, key: Key, values: Hyperparameters
    ) -> Any:
        # evosax gives equals the weight of their middle rank, and the weights no longer sum to 1:
        # it is told ranks, in which equals keep their order. It minimises: 0 is the fittest.
        rank = jnp.argsort(jnp.argsort(-fitness)).astype(jnp.float32)
        state, _ = strategy.tell(key, population, rank, state, settings(values))
        return state

    return Search(init, ask, tell, answer=lambda state: state.mean)

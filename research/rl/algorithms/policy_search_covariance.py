"""CMA-ES by evosax: the covariance of the samples learns the shape of the fitness."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.layers.factorisation import eigh
from research.rl.algorithms.policy_search import Search

LEAST_VARIANCE = 1e-8
"""Of a search direction; evosax's."""


def conditioned(covariance: jax.Array) -> jax.Array:
    """A covariance matrix without what rounding does to one, as evosax has it.

    Args:
        covariance: float32 `[parameters, parameters]`.

    Returns:
        The same, symmetric, positive on the diagonal and bounded.
    """
    rows = jnp.arange(len(covariance))
    mean = (covariance + covariance.T) / 2
    mean = jnp.minimum(mean.at[rows, rows].max(0.0), 1e8)
    return mean.at[rows, rows].add(LEAST_VARIANCE)


def cma_es(parameters: int, candidates: int) -> Search:
    """Covariance matrix adaptation, with negative weights too; the answer is the mean.

    The state is evosax's, and so is all but the eigendecomposition of a matrix `[parameters,
    parameters]` in each generation, which is most of the cost: by LAPACK, as evosax has it, the
    vectors would follow the CPU.

    Args:
        parameters: numbers in a vector.
        candidates: vectors in a population, at least 4; hyper-parameter `deviation` is the first
            step size, σ, of a search that starts at 0.

    Source: Hansen 2016, *The CMA evolution strategy: a tutorial* (arXiv 1604.00772), appendix A.
    """
    # evosax takes a second to import: only for those who search with it.
    from evosax.algorithms.distribution_based.cma_es import CMA_ES

    class Strategy(CMA_ES):
        def _ask(self, key: Key, state: Any, params: Any) -> tuple[jax.Array, Any]:
            del params
            covariance = conditioned(state.C)
            variances, axes = eigh(covariance)
            deviations = jnp.sqrt(jnp.maximum(variances, LEAST_VARIANCE))
            # Eq. 38 to 40: x = m + σ B D z.
            drawn = jax.random.normal(key, (candidates, parameters))
            population = state.mean + state.std * ((drawn * deviations) @ axes.T)
            return population, state.replace(C=covariance, B=axes, D=deviations)

    strategy = Strategy(population_size=candidates, solution=jnp.zeros(parameters))

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

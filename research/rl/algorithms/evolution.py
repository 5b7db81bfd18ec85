"""Evolution: a genetic algorithm, evolution strategies, and CMA-ES."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Hyperparameters, Key
from research.layers.factorisation import eigh
from research.optimization.descent import Trained, apply_gradient, with_learning_rate
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range
from research.rl.algorithms.policy_search import PolicySearch, Search


@dataclass(frozen=True)
class GeneticAlgorithm(PolicySearch):
    """Options of a genetic algorithm."""

    elites: Annotated[
        int, "the fittest, which stay as they are", Range(1, "candidates", below=True)
    ] = 4
    tournament: Annotated[int, "candidates of which the fittest becomes a parent", COUNT] = 3
    mutation_deviation: Annotated[
        float, "standard deviation of what is added to a child", AMOUNT
    ] = 0.3
    crossover_rate: Annotated[float, "share of children that have two parents", Range(0, 1)] = 0.5

    def smoke(self) -> Self:
        """Thirty small generations."""
        return replace(super().smoke(), elites=2, tournament=2)

    def search(self, parameters: int) -> Search:
        """Populations of children."""
        return genetic_algorithm(parameters, self.candidates, self.elites, self.tournament)


@dataclass(frozen=True)
class EvolutionStrategies(PolicySearch):
    """Options of evolution strategies."""

    learning_rate: Annotated[float, "Adam's step size", POSITIVE] = 0.1

    def problems(self) -> list[str]:
        """An odd number of candidates, and what every search asks for."""
        odd = f"--candidates must be even, not {self.candidates}: they come in pairs"
        return [odd] * (self.candidates % 2) + super().problems()

    def search(self, parameters: int) -> Search:
        """Populations of mirrored noise."""
        return evolution_strategies(parameters, self.candidates)


@dataclass(frozen=True)
class CMAES(PolicySearch):
    """Options of CMA-ES."""

    candidates: Annotated[int, "policies in a population", Range(4)] = 16

    def search(self, parameters: int) -> Search:
        """Populations of a normal distribution that learns its shape."""
        return cma_es(parameters, self.candidates)


def select_parents(fitness: jax.Array, key: Key, parents: int, tournament: int) -> jax.Array:
    """The winners of tournaments between candidates drawn with replacement, int32 `[parents]`.

    The k-th fittest of n (from 0, all different) wins with probability ((n - k)^t - (n - k - 1)^t)
    / n^t in a tournament of t.

    Source: Goldberg & Deb 1991, *A comparative analysis of selection schemes*.
    """
    entrants = jax.random.randint(key, (parents, tournament), 0, len(fitness))
    winners = jnp.argmax(fitness[entrants], axis=1)
    return jnp.take_along_axis(entrants, winners[:, None], axis=1)[:, 0]


def cross_over(first: jax.Array, second: jax.Array, key: Key, rate: jax.Array) -> jax.Array:
    """Uniform crossover: each parameter from the second parent with probability 1/2.

    Parents are float32 `[children, parameters]`; `rate` is the share of children that have two,
    others are copies of the first.

    Source: Syswerda 1989, *Uniform crossover in genetic algorithms*.
    """
    pair_key, number_key = jax.random.split(key)
    mixed = jax.random.bernoulli(pair_key, rate, (len(first), 1))
    other = jax.random.bernoulli(number_key, 0.5, first.shape)
    return jnp.where(mixed & other, second, first)


def genetic_algorithm(parameters: int, candidates: int, elites: int, tournament: int) -> Search:
    """Children of the fitter take the place of the less fit, generation by generation.

    The state is the next population, float32 `[candidates, parameters]`, elites first, the fittest
    at the very front; it is the answer. Hyper-parameters are `deviation` (of the first population),
    `crossover_rate`, and `mutation_deviation` (of the normal noise that is added to each parameter
    of a child).

    Args:
        parameters: length of a vector.
        candidates: vectors in a population.
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
        parents = population[select_parents(fitness, parent_key, 2 * children, tournament)]
        born = cross_over(
            parents[:children], parents[children:], cross_key, values["crossover_rate"]
        )
        born += values["mutation_deviation"] * jax.random.normal(mutation_key, born.shape)
        staying = population[jnp.argsort(-fitness)[:elites]]
        return jnp.concatenate([staying, born])

    return Search(init, ask, tell, answer=lambda population: population[0])


class Strategy(NamedTuple):
    """The state of evolution strategies.

    Attributes:
        centre: float32 `[parameters]`.
        opt_state: of Adam.
    """

    centre: jax.Array
    opt_state: optax.OptState


def centred_ranks(fitness: jax.Array) -> jax.Array:
    """Ranks from -1/2 (least fit) to 1/2 (fittest), the same for equals; at least two candidates.

    Source: Salimans et al. 2017, section 2 (fitness shaping), after Wierstra et al. 2014.
    """
    ahead = jnp.sum(jnp.sign(fitness[:, None] - fitness[None, :]), axis=1)
    return ahead / (2.0 * (len(fitness) - 1))


def gradient_estimate(
    noise: jax.Array, above: jax.Array, below: jax.Array, deviation: jax.Array | float
) -> jax.Array:
    """Of E_ε F(θ + σ ε) with respect to θ, from mirrored samples, float32 `[parameters]`.

    (1 / n) Σ_i (F(θ + σ ε_i) - F(θ - σ ε_i)) / (2 σ) · ε_i: whatever is even in ε, such as a
    constant in F, cancels within each pair. `above` is F(θ + σ ε), `below` F(θ - σ ε), `[pairs]`
    each.

    Source: Salimans et al. 2017, section 2, with mirrored sampling (Brockhoff et al. 2010).
    """
    slope = (above - below) / (2.0 * deviation)
    return slope @ noise / len(noise)


def evolution_strategies(parameters: int, candidates: int) -> Search:
    """Adam on the estimated gradient of the blurred, rank-shaped fitness.

    What is climbed is not the fitness of a vector but its mean over normal noise around it. The
    gradient of that mean needs fitness values alone. `candidates` is an even number;
    hyper-parameters are `deviation` (of the noise around the centre) and `learning_rate`.

    Source: Salimans et al. 2017 (arXiv 1703.03864), algorithm 1.
    """
    adam = optax.scale_by_adam()

    def init(key: Key, values: Hyperparameters) -> Strategy:
        del key, values
        centre = jnp.zeros(parameters, jnp.float32)
        return Strategy(centre, adam.init(centre))

    def ask(strategy: Strategy, key: Key, values: Hyperparameters) -> tuple[Strategy, jax.Array]:
        step = values["deviation"] * jax.random.normal(key, (candidates // 2, parameters))
        return strategy, jnp.concatenate([strategy.centre + step, strategy.centre - step])

    def tell(
        strategy: Strategy,
        population: jax.Array,
        fitness: jax.Array,
        key: Key,
        values: Hyperparameters,
    ) -> Strategy:
        del key
        pairs, deviation = candidates // 2, values["deviation"]
        noise = (population[:pairs] - strategy.centre) / deviation
        shaped = centred_ranks(fitness)
        gradient = gradient_estimate(noise, shaped[:pairs], shaped[pairs:], deviation)
        # Uphill: it is fitness that is estimated.
        optimizer = with_learning_rate(adam, -values["learning_rate"])
        return Strategy(*apply_gradient(Trained(*strategy), gradient, optimizer))

    return Search(init, ask, tell, answer=lambda strategy: strategy.centre)


LEAST_VARIANCE = 1e-8
"""Of a search direction; evosax's."""


def condition(covariance: jax.Array) -> jax.Array:
    """A covariance matrix without what rounding does to one, as evosax has it.

    It is symmetric, positive on the diagonal and bounded.
    """
    rows = jnp.arange(len(covariance))
    mean = (covariance + covariance.T) / 2
    mean = jnp.minimum(mean.at[rows, rows].max(0.0), 1e8)
    return mean.at[rows, rows].add(LEAST_VARIANCE)


def cma_es(parameters: int, candidates: int) -> Search:
    """Covariance matrix adaptation, with negative weights too; the answer is the mean.

    The state is evosax's, and so is all but the eigendecomposition of a matrix `[parameters,
    parameters]` in each generation, which is most of the cost: by LAPACK, as evosax has it, the
    vectors would follow the CPU. There are at least 4 candidates; hyper-parameter `deviation` is
    the first step size, σ, of a search that starts at 0.

    Source: Hansen 2016, *The CMA evolution strategy: a tutorial* (arXiv 1604.00772), appendix A.
    """
    # evosax takes a second to import: only for those who search with it.
    from evosax.algorithms.distribution_based.cma_es import CMA_ES

    class Strategy(CMA_ES):
        def _ask(self, key: Key, state: Any, params: Any) -> tuple[jax.Array, Any]:
            del params
            covariance = condition(state.C)
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
        # it is given ranks, in which equals keep their order. It minimises: 0 is the fittest.
        rank = jnp.argsort(jnp.argsort(-fitness)).astype(jnp.float32)
        state, _ = strategy.tell(key, population, rank, state, settings(values))
        return state

    return Search(init, ask, tell, answer=lambda state: state.mean)

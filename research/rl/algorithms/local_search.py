"""Random search, and hill climbing: the two simplest searches for a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.options.ranges import POSITIVE, Range
from research.rl.algorithms.policy_search import PolicySearch, Search


@dataclass(frozen=True)
class RandomSearch(PolicySearch):
    """Options of random search."""

    def search(self, parameters: int) -> Search:
        """Populations anywhere."""
        return random_search(parameters, self.candidates)


@dataclass(frozen=True)
class HillClimbing(PolicySearch):
    """Options of hill climbing."""

    candidates: Annotated[int, "policies in a population, the present one among them", Range(2)] = (
        16
    )
    smallest_deviation: Annotated[
        float, "which steps never fall below", Range(0, "largest_deviation", above=True)
    ] = 0.1
    largest_deviation: Annotated[float, "which steps never exceed", POSITIVE] = 2.0
    factor: Annotated[
        float, "by which steps shrink after a success and grow after none", Range(1)
    ] = 2.0

    def search(self, parameters: int) -> Search:
        """Populations around a point."""
        return hill_climbing(parameters, self.candidates)


def random_search(parameters: int, candidates: int) -> Search:
    """Draws each population afresh; the answer is the fittest of the last one.

    The state is that answer, float32 `[parameters]`. Hyper-parameter `deviation` is the standard
    deviation of what is drawn around 0.
    """

    def init(key: Key, values: Hyperparameters) -> jax.Array:
        return values["deviation"] * jax.random.normal(key, (parameters,))

    def ask(winner: jax.Array, key: Key, values: Hyperparameters) -> tuple[jax.Array, jax.Array]:
        return winner, values["deviation"] * jax.random.normal(key, (candidates, parameters))

    def tell(
        winner: jax.Array,
        population: jax.Array,
        fitness: jax.Array,
        key: Key,
        values: Hyperparameters,
    ) -> jax.Array:
        del winner, key, values
        return population[jnp.argmax(fitness)]

    return Search(init, ask, tell, answer=lambda winner: winner)


class Climb(NamedTuple):
    """The state of hill climbing.

    Attributes:
        point: float32 `[parameters]`.
        deviation: float32 scalar, of the steps that are tried.
    """

    point: jax.Array
    deviation: jax.Array


def hill_climbing(parameters: int, candidates: int) -> Search:
    """Steps to the fittest of some random steps, where it is fitter than standing still.

    After such a step the next ones tried are smaller by `factor`, else larger by it: near a top
    small steps help, on a plain large ones (Rechenberg 1973 adapts by the share of successes). The
    first candidate is the point itself: it is played anew each time, so that no lucky score is
    kept. Hyper-parameters are `deviation` (of the first steps), `smallest_deviation`,
    `largest_deviation` and `factor`.
    """

    def init(key: Key, values: Hyperparameters) -> Climb:
        del key
        return Climb(jnp.zeros(parameters, jnp.float32), jnp.copy(values["deviation"]))

    def ask(climb: Climb, key: Key, values: Hyperparameters) -> tuple[Climb, jax.Array]:
        del values
        steps = climb.deviation * jax.random.normal(key, (candidates, parameters))
        return climb, climb.point + steps.at[0].set(0.0)

    def tell(
        climb: Climb, population: jax.Array, fitness: jax.Array, key: Key, values: Hyperparameters
    ) -> Climb:
        del key
        # The first of equals: the point itself is left only for something better.
        fittest = jnp.argmax(fitness)
        factor = jnp.where(fittest > 0, 1.0 / values["factor"], values["factor"])
        smallest, largest = values["smallest_deviation"], values["largest_deviation"]
        deviation = jnp.clip(climb.deviation * factor, smallest, largest)
        return Climb(population[fittest], deviation)

    return Search(init, ask, tell, answer=lambda climb: climb.point)

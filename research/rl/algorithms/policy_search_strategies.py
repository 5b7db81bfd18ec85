"""Evolution strategies (Salimans et al. 2017, arXiv 1703.03864): the gradient of a blurred fitness.

What is climbed is not the fitness of a vector but its mean over normal noise around it. The
gradient of that mean needs fitness values alone.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Hyperparameters, Key
from research.rl.algorithms.policy_search import Search


class Strategy(NamedTuple):
    """Where the search stands.

    Attributes:
        centre: float32 `[parameters]`.
        opt_state: of Adam.
    """

    centre: jax.Array
    opt_state: optax.OptState


def centred_ranks(fitness: jax.Array) -> jax.Array:
    """Ranks from -1/2 (least fit) to 1/2 (fittest), the same for equals; at least two candidates.

    Args:
        fitness: float32 `[candidates]`.

    Source: Salimans et al. 2017, section 2 (fitness shaping), after Wierstra et al. 2014.
    """
    ahead = jnp.sum(jnp.sign(fitness[:, None] - fitness[None, :]), axis=1)
    return ahead / (2.0 * (len(fitness) - 1))


def gradient_estimate(
    noise: jax.Array, above: jax.Array, below: jax.Array, deviation: jax.Array | float
) -> jax.Array:
    """Of E_ε F(θ + σ ε) with respect to θ, from mirrored samples, float32 `[parameters]`.

    (1 / n) Σ_i (F(θ + σ ε_i) - F(θ - σ ε_i)) / (2 σ) · ε_i: whatever is even in ε, such as a
    constant in F, cancels within each pair.

    Args:
        noise: ε, float32 `[pairs, parameters]`.
        above: F(θ + σ ε), float32 `[pairs]`.
        below: F(θ - σ ε), float32 `[pairs]`.
        deviation: σ.

    Source: Salimans et al. 2017, section 2, with mirrored sampling (Brockhoff et al. 2010).
    """
    slope = (above - below) / (2.0 * deviation)
    return slope @ noise / len(noise)


def evolution_strategies(parameters: int, candidates: int) -> Search:
    """Adam on the estimated gradient of the blurred, rank-shaped fitness.

    Args:
        parameters: numbers in a vector.
        candidates: vectors in a population, an even number; hyper-parameters are `deviation` (of
            the noise around the centre) and `learning_rate`.
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
        step, opt_state = adam.update(gradient, strategy.opt_state)
        return Strategy(strategy.centre + values["learning_rate"] * step, opt_state)

    return Search(init, ask, tell, answer=lambda strategy: strategy.centre)

"""Exploration: probabilities of actions from their values, rates that decay, correlated noise."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from research.engine.experiment import Hyperparameters


def uniform(possible: Bool[Array, "*batch actions"]) -> Float[Array, "*batch actions"]:
    """The same probability for each action that is possible."""
    allowed = possible.astype(jnp.float32)
    return allowed / jnp.sum(allowed, axis=-1, keepdims=True)


def epsilon_greedy(
    q_value: Float[Array, "*batch actions"],
    possible: Bool[Array, "*batch actions"],
    epsilon: Array | float,
) -> Float[Array, "*batch actions"]:
    """Probabilities: with probability ε any possible action, otherwise the best; equals alike.

    Source: Sutton & Barto 2018, section 2.2.
    """
    values = jnp.where(possible, q_value, -jnp.inf)
    best = possible & (values == jnp.max(values, axis=-1, keepdims=True))
    return (1.0 - epsilon) * uniform(best) + epsilon * uniform(possible)


def softmax(
    q_value: Float[Array, "*batch actions"],
    possible: Bool[Array, "*batch actions"],
    temperature: Array | float,
) -> Float[Array, "*batch actions"]:
    """Probabilities in proportion to exp(Q / τ), τ above 0: the better, the more often.

    Source: Sutton & Barto 2018, section 2.8 (with preferences Q / τ).
    """
    return jax.nn.softmax(jnp.where(possible, q_value / temperature, -jnp.inf), axis=-1)


def with_bonus(
    q_value: Float[Array, "*batch actions"],
    visits: Int[Array, "*batch actions"],
    curiosity: Array | float,
) -> Float[Array, "*batch actions"]:
    """Q(s, a) + κ / (1 + N(s, a)): what has rarely been tried is taken for better than it looks.

    Source: Géron, *Hands-On Machine Learning*, 2nd edition, eq. 18-6.
    """
    return q_value + curiosity / (1.0 + visits.astype(q_value.dtype))


def decay(initial: jax.Array | float, rate: jax.Array | float, times: jax.Array) -> jax.Array:
    """`initial / (1 + rate * times)`: a step size that falls as learning needs; 0 keeps it.

    The sum of such steps diverges while that of their squares does not (Robbins & Monro 1951).
    """
    return initial / (1.0 + rate * times.astype(jnp.float32))


def exploration_rate(done: jax.Array, values: Hyperparameters) -> jax.Array:
    """ε, falling in a line from 1 to `epsilon` over `exploration_fraction` of the run.

    `done` is which part of the run has been made, from 0 to 1.

    Source: Mnih et al. 2015 (doi 10.1038/nature14236), methods.
    """
    fallen = jnp.minimum(done / jnp.maximum(values["exploration_fraction"], 1e-6), 1.0)
    return 1.0 + fallen * (values["epsilon"] - 1.0)


def correlate(
    before: Float[Array, "environments dimensions"],
    drawn: Float[Array, "environments dimensions"],
    begins: Bool[Array, " environments"],
    correlation: Array | float,
) -> Float[Array, "environments dimensions"]:
    """The next noise, n' = ρ n + √(1 - ρ²) ε; where an episode begins, n' = ε.

    Each n is standard normal as ε is, whatever ρ < 1 is, and k steps of one episode are correlated
    by ρᵏ. With ρ = 1 - θ it is the Ornstein-Uhlenbeck noise of the source, x' = (1 - θ) x + σ ε, in
    units of its standard deviation in the long run, σ / √(1 - ρ²), which it has from the first step
    on.

    Source: Lillicrap et al. 2016 (arXiv 1509.02971), section 3, where θ = .15.
    """
    following = correlation * before + jnp.sqrt(1.0 - jnp.square(correlation)) * drawn
    return jnp.where(begins[:, None], drawn, following)

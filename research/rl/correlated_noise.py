"""Noise for exploration that is correlated in time: it pushes one way for a while.

White noise on the actions moves a heavy thing to and fro by little; correlated noise moves it far.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def correlate(
    before: jax.Array, drawn: jax.Array, begins: jax.Array, correlation: jax.Array | float
) -> jax.Array:
    """The next noise, n' = ρ n + √(1 - ρ²) ε; where an episode begins, n' = ε.

    Each n is standard normal, whatever ρ is, and k steps of one episode are correlated by ρᵏ. With
    ρ = 1 - θ it is the Ornstein-Uhlenbeck noise of the source, x' = (1 - θ) x + σ ε, in units of
    its standard deviation in the long run, σ / √(1 - ρ²), which it has from the first step on.

    Args:
        before: n, float32 `[environments, dimensions]`.
        drawn: ε, standard normal, of the same shape.
        begins: bool `[environments]`, whether the step is an episode's first.
        correlation: ρ, scalar from 0 to less than 1; with 0 it is ε itself.

    Source: Lillicrap et al. 2016 (arXiv 1509.02971), section 3, where θ = .15.
    """
    following = correlation * before + jnp.sqrt(1.0 - jnp.square(correlation)) * drawn
    return jnp.where(begins[:, None], drawn, following)

"""The terms of the PPO objective, unreduced: one number an example."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def clipped_surrogate(
    log_ratio: jax.Array, advantage: jax.Array, clip_range: jax.Array | float
) -> jax.Array:
    """PPO's policy loss: -min(r A, clip(r, 1 - ε, 1 + ε) A), with r = exp(log_ratio).

    Args:
        log_ratio: float32 `[...]`, log π(a|s) - log π_old(a|s).
        advantage: float32 `[...]`.
        clip_range: ε, scalar.

    Returns:
        float32 `[...]`, to be minimised.

    Source: Schulman et al. 2017 (arXiv 1707.06347), eq. 7, negated.
    """
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - clip_range, 1.0 + clip_range)
    return -jnp.minimum(ratio * advantage, clipped * advantage)


def value_error(value: jax.Array, target: jax.Array) -> jax.Array:
    """Squared error of the value function, (V(s) - V_target)².

    Args:
        value: float32 `[...]`.
        target: float32 `[...]`.

    Returns:
        float32 `[...]`.

    Source: Schulman et al. 2017 (arXiv 1707.06347), eq. 9, the term L^VF.
    """
    return jnp.square(value - target)


def approximate_kl(log_ratio: jax.Array) -> jax.Array:
    """An unbiased estimate of KL(π_old, π) from actions of π_old that is never negative.

    Args:
        log_ratio: float32 `[...]`, log π(a|s) - log π_old(a|s).

    Returns:
        float32 `[...]`, (r - 1) - log r, nats.

    Source: Schulman 2020, "Approximating KL divergence", estimator k3.
    """
    return jnp.expm1(log_ratio) - log_ratio


def normalised(advantage: jax.Array) -> jax.Array:
    """Advantages `[batch]` with mean 0 and standard deviation 1 (0 where all are equal)."""
    centred = advantage - jnp.mean(advantage)
    return centred / (jnp.sqrt(jnp.mean(jnp.square(centred))) + 1e-8)

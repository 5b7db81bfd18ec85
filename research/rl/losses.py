"""Losses of policies and value functions, unreduced: one number an example."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def policy_gradient(log_probability: jax.Array, advantage: jax.Array) -> jax.Array:
    """-log π(a|s) A, whose gradient is the policy gradient, negated.

    Args:
        log_probability: float32 `[...]`, of the actions taken.
        advantage: float32 `[...]`, nothing that is learned from here.

    Returns:
        float32 `[...]`, to be minimised.

    Source: Williams 1992 (doi 10.1007/BF00992696), eq. 5; Mnih et al. 2016 (arXiv 1602.01783),
        section 4.
    """
    return -log_probability * advantage


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


def clipped_value_error(
    value: jax.Array, target: jax.Array, old_value: jax.Array, clip_range: jax.Array | float
) -> jax.Array:
    """The larger of the squared errors of V(s) and of V(s) no further than ε from what it was.

    A value that has moved by more than ε towards its target is pulled no further.

    Args:
        value: float32 `[...]`.
        target: float32 `[...]`.
        old_value: float32 `[...]`, V(s) before the update.
        clip_range: ε, scalar, in the unit of values.

    Returns:
        float32 `[...]`, max[(V - V_target)², (V_old + clip(V - V_old, -ε, ε) - V_target)²].

    Source: Schulman et al., OpenAI Baselines (github.com/openai/baselines), ppo2; Engstrom et al.
        2020 (arXiv 2005.12729), section 3; not in the paper on PPO.
    """
    near = old_value + jnp.clip(value - old_value, -clip_range, clip_range)
    return jnp.maximum(value_error(value, target), value_error(near, target))


def approximate_kl(log_ratio: jax.Array) -> jax.Array:
    """An unbiased estimate of KL(π_old, π) from actions of π_old that is never negative.

    Args:
        log_ratio: float32 `[...]`, log π(a|s) - log π_old(a|s).

    Returns:
        float32 `[...]`, (r - 1) - log r, nats.

    Source: Schulman 2020, "Approximating KL divergence", estimator k3.
    """
    return jnp.expm1(log_ratio) - log_ratio


def normalise(advantage: jax.Array, where: jax.Array | None = None) -> jax.Array:
    """Advantages `[...]` with mean 0 and standard deviation 1 (0 where all are equal).

    Args:
        advantage: float32 `[...]`.
        where: bool `[...]`, whose mean and deviation are meant; all if None.
    """
    centred = advantage - jnp.mean(advantage, where=where)
    return centred / (jnp.sqrt(jnp.mean(jnp.square(centred), where=where)) + 1e-8)

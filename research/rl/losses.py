"""Losses of policies and value functions, unreduced: one number an example."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def policy_gradient(
    log_probability: Float[Array, "*batch"], advantage: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """-log π(a|s) A, whose gradient is the policy gradient, negated; A is a constant.

    Source: Williams 1992 (doi 10.1007/BF00992696), eq. 5; Mnih et al. 2016 (arXiv 1602.01783),
        section 4.
    """
    return -log_probability * advantage


def clipped_surrogate(
    log_ratio: Float[Array, "*batch"], advantage: Float[Array, "*batch"], clip_range: Array | float
) -> Float[Array, "*batch"]:
    """PPO's policy loss: -min(r A, clip(r, 1 - ε, 1 + ε) A), with r = exp(log_ratio).

    log_ratio is log π(a|s) - log π_old(a|s), and A a constant.

    Source: Schulman et al. 2017 (arXiv 1707.06347), eq. 7, negated.
    """
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - clip_range, 1.0 + clip_range)
    return -jnp.minimum(ratio * advantage, clipped * advantage)


def value_error(
    value: Float[Array, "*batch"], target: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Squared error of the value function, (V(s) - V_target)².

    Source: Schulman et al. 2017 (arXiv 1707.06347), eq. 9, the term L^VF.
    """
    return jnp.square(value - target)


def clipped_value_error(
    value: Float[Array, "*batch"],
    target: Float[Array, "*batch"],
    old_value: Float[Array, "*batch"],
    clip_range: Array | float,
) -> Float[Array, "*batch"]:
    """The larger of the squared errors of V(s) and of V(s) no further than ε from what it was.

    max[(V - V_target)², (V_old + clip(V - V_old, -ε, ε) - V_target)²]: a value that has moved by
    more than ε, in the unit of values, towards its target is pulled no further.

    Source: Schulman et al., OpenAI Baselines (github.com/openai/baselines), ppo2; Engstrom et al.
        2020 (arXiv 2005.12729), section 3; not in the paper on PPO.
    """
    near = old_value + jnp.clip(value - old_value, -clip_range, clip_range)
    return jnp.maximum(value_error(value, target), value_error(near, target))


def approximate_kl(log_ratio: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """An unbiased estimate of KL(π_old, π) from actions of π_old that is never negative, nats.

    (r - 1) - log r, with log r = log π(a|s) - log π_old(a|s).

    Source: Schulman 2020, "Approximating KL divergence", estimator k3.
    """
    return jnp.expm1(log_ratio) - log_ratio


def normalise(
    advantage: Float[Array, "*batch"], where: Bool[Array, "*batch"] | None = None
) -> Float[Array, "*batch"]:
    """Advantages with mean 0 and standard deviation 1 (0 where all are equal).

    Mean and deviation are of those at `where`.
    """
    centred = advantage - jnp.mean(advantage, where=where)
    return centred / (jnp.sqrt(jnp.mean(jnp.square(centred), where=where)) + 1e-8)

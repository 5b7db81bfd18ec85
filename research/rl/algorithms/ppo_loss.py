"""What proximal policy optimisation minimises (Schulman et al. 2017, arXiv 1707.06347)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters
from research.rl import losses
from research.rl.examples import Examples
from research.rl.network import ActingNetwork


def ppo_loss(
    network: ActingNetwork,
    params: Any,
    examples: Examples,
    clip_range: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective on one minibatch, or on one group of it, and its parts.

    Args:
        network: policy and value function; where it says several values `[batch, values]`, their
            errors count as their mean.
        params: its parameters.
        examples: leaves `[batch, ...]`, advantages as they should count: normalised; where they
            hold `value`, what the value function said, its error is that of
            `losses.clipped_value_error`.
        clip_range: ε, scalar.
        hyperparameters: `value_weight` and `entropy_weight`.

    Returns:
        The loss: policy + value_weight * value - entropy_weight * entropy (Schulman et al. 2017,
        eq. 9, negated), and float32 scalars by name.
    """
    said, value = network.apply(params, examples.observation)
    log_ratio = said.log_probability(examples.action) - examples.log_probability
    surrogate = losses.clipped_surrogate(log_ratio, examples.advantage, clip_range)
    policy_loss = jnp.mean(surrogate)
    if examples.value is None:
        error = losses.value_error(value, examples.target)
    else:
        error = losses.clipped_value_error(value, examples.target, examples.value, clip_range)
    value_loss = jnp.mean(error)
    entropy = jnp.mean(said.entropy())
    loss = (
        policy_loss
        + hyperparameters["value_weight"] * value_loss
        - hyperparameters["entropy_weight"] * entropy
    )
    return loss, {
        "loss": loss,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approximate_kl": jnp.mean(losses.approximate_kl(log_ratio)),
    }

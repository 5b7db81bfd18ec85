"""How much better an action was than expected: truncated generalised advantage estimation."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def generalised_advantages(
    reward: jax.Array,
    value: jax.Array,
    final_value: jax.Array,
    terminated: jax.Array,
    truncated: jax.Array,
    discount: jax.Array | float,
    gae_lambda: jax.Array | float,
) -> jax.Array:
    """Generalised advantage estimates over a piece of trajectory.

    With δ_t = r_t + γ V(s'_t) - V(s_t), the estimate is A_t = δ_t + γλ A_{t+1} within an episode.
    A terminated step has no future: V(s'_t) counts as 0. A truncated one has: V(s'_t) is that of
    the state where the time limit struck. Either cuts the trace (no A_{t+1}), as does the end of
    the piece, where V(s'_t) stands for all that follows.

    Args:
        reward: float32 `[time, ...]`.
        value: float32 `[time, ...]`, V of the observation acted on.
        final_value: float32 `[time, ...]`, V of the observation that the action led to, before
            any reset.
        terminated: bool `[time, ...]`.
        truncated: bool `[time, ...]`.
        discount: γ, scalar.
        gae_lambda: λ, scalar.

    Returns:
        Advantages, float32 `[time, ...]`. Added to `value` they are the TD(λ) returns.

    Source: Schulman et al. 2016 (arXiv 1506.02438), eqs 11-16; Pardo et al. 2018
        (arXiv 1712.00378), section 3, for time limits.
    """
    error = reward + discount * jnp.where(terminated, 0.0, final_value) - value
    decay = discount * gae_lambda * jnp.where(terminated | truncated, 0.0, 1.0)

    def back(later: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        step_error, step_decay = now
        advantage = step_error + step_decay * later
        return advantage, advantage

    _, advantages = jax.lax.scan(back, jnp.zeros_like(error[0]), (error, decay), reverse=True)
    return advantages

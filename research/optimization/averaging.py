"""An exponential moving average of the parameters, to evaluate with."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax


def update_average(average: Any, params: Any, decay: jax.Array, step: jax.Array) -> Any:
    """The average after one more update: `average + (1 - d) * (params - average)`.

    The decay starts small and grows, `d = min(decay, (1 + step) / (10 + step))`, so that the
    average forgets the random initialisation that it starts as.

    Args:
        average: a pytree like `params`; the initial parameters before the first update.
        params: the parameters after the update.
        decay: scalar in [0, 1); 0 gives the parameters themselves.
        step: int32 scalar, updates done before this one.

    Source: Polyak and Juditsky 1992; the growing decay is that of TensorFlow's
    `ExponentialMovingAverage(num_updates=...)`.
    """
    step = jnp.asarray(step, jnp.float32)
    now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return optax.incremental_update(params, average, 1.0 - now)

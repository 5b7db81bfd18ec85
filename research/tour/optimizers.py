"""An optimiser written by hand: two pure functions, as optax has them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax


def momentum(
    learning_rate: jax.Array | float, decay: jax.Array | float
) -> optax.GradientTransformation:
    """Descent that remembers: m ← g + β m, and a step of -η m.

    Args:
        learning_rate: η, traced or not.
        decay: β, from 0 to less than 1.

    Returns:
        (init, update): params -> memory, and (gradient, memory, params) -> (step, memory). The
        memory is a pytree like the parameters, so the state of a run is parameters and memory.

    Source: Polyak 1964, "Some methods of speeding up the convergence of iteration methods".
    """

    def init(params: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, params)

    def update(gradient: Any, memory: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        memory = jax.tree.map(lambda g, m: g + decay * m, gradient, memory)
        return jax.tree.map(lambda m: -learning_rate * m, memory), memory

    return optax.GradientTransformation(init, update)

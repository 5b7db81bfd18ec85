"""A gated recurrent unit whose hidden state is carried in and out."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key


class GRU(NamedTuple):
    """Parameters; the three gates lie side by side as reset, update, candidate.

    Attributes:
        input_kernel: float32 `[features, 3 * units]`.
        input_bias: float32 `[3 * units]`.
        recurrent_kernel: float32 `[units, 3 * units]`.
        recurrent_bias: float32 `[units]`, of the candidate alone: the other gates would only
            add it to their own.
    """

    input_kernel: jax.Array
    input_bias: jax.Array
    recurrent_kernel: jax.Array
    recurrent_bias: jax.Array


def init_gru(key: Key, features: int, units: int) -> GRU:
    """Uniform in ±1/√units, as PyTorch starts its own."""
    bound = units**-0.5
    shapes = ((features, 3 * units), (3 * units,), (units, 3 * units), (units,))
    return GRU(
        *(
            jax.random.uniform(part, shape, jnp.float32, -bound, bound)
            for part, shape in zip(jax.random.split(key, 4), shapes, strict=True)
        )
    )


def gru_step(params: GRU, inputs: jax.Array, hidden: jax.Array) -> jax.Array:
    """The hidden state after one input.

    r = σ(W_r x + b_r + U_r h), z = σ(W_z x + b_z + U_z h),
    n = tanh(W_n x + b_n + r (U_n h + c)), h' = (1 - z) n + z h.

    Args:
        params: the parameters.
        inputs: float32 `[..., features]`.
        hidden: float32 `[..., units]`, the state before the input.

    Returns:
        float32 `[..., units]`.

    Source: Cho et al. 2014 (arXiv 1406.1078), in the form of cuDNN and PyTorch, where the reset
        gate acts after the recurrent product.
    """
    return _step(params, _project(params, inputs), hidden)


def gru(
    params: GRU, inputs: jax.Array, hidden: jax.Array, fresh: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """The hidden states over a stretch of time, step by step as `gru_step` has them.

    Args:
        params: the parameters.
        inputs: float32 `[batch, time, features]`.
        hidden: float32 `[batch, units]`, the state before the first input.
        fresh: bool `[batch, time]`, whether the state before an input is 0, whatever came earlier;
            nowhere if None.

    Returns:
        Hidden states after each input, float32 `[batch, time, units]`, and the last of them,
        `[batch, units]`. Given back as `hidden`, it continues the sequence as if uncut.
    """
    # All steps' inputs in one product: only what needs the hidden state is left to the scan.
    projected = jnp.swapaxes(_project(params, inputs), 0, 1)
    starts = None if fresh is None else jnp.swapaxes(fresh, 0, 1)

    def step(
        hidden: jax.Array, now: tuple[jax.Array, jax.Array | None]
    ) -> tuple[jax.Array, jax.Array]:
        inputs, start = now
        if start is not None:
            hidden = jnp.where(start[:, None], 0.0, hidden)
        hidden = _step(params, inputs, hidden)
        return hidden, hidden

    last, outputs = jax.lax.scan(step, hidden, (projected, starts))
    return jnp.swapaxes(outputs, 0, 1), last


def _project(params: GRU, inputs: jax.Array) -> jax.Array:
    return inputs @ params.input_kernel + params.input_bias


def _step(params: GRU, projected: jax.Array, hidden: jax.Array) -> jax.Array:
    units = hidden.shape[-1]
    recurrent = hidden @ params.recurrent_kernel
    gates = jax.nn.sigmoid(projected[..., : 2 * units] + recurrent[..., : 2 * units])
    reset, keep = gates[..., :units], gates[..., units:]
    candidate = jnp.tanh(
        projected[..., 2 * units :] + reset * (recurrent[..., 2 * units :] + params.recurrent_bias)
    )
    return (1.0 - keep) * candidate + keep * hidden

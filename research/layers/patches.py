"""A convolution as one matrix product, for layers of few channels.

With a handful of channels a convolution spends its time in moving its input about. Written as a
product of patches it and its weight gradient are several times as fast on CPU, inside a compiled
loop too (see `research/layers/convolution.py`), and the members of a population, each with a kernel
of its own, are one batched product instead of a grouped convolution.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def convolve_patches(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The 2-D cross-correlation of `x` with `kernel`, without padding, in steps of one.

    Args:
        x: `[batch, height, width, inputs]`.
        kernel: `[kernel height, kernel width, inputs, outputs]`, of the dtype of `x`.

    Returns:
        `[batch, height - kernel height + 1, width - kernel width + 1, outputs]`.

    Raises:
        ValueError: for channels that do not match, or an `x` smaller than the kernel.
    """
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            "a convolution needs [batch, height, width, inputs] and "
            f"[kernel height, kernel width, inputs, outputs], not {x.shape} and {kernel.shape}"
        )
    rows, columns = x.shape[1] - kernel.shape[0] + 1, x.shape[2] - kernel.shape[1] + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"{x.shape[1:3]} is smaller than the kernel, {kernel.shape[:2]}")
    patches = [
        x[:, row : row + rows, column : column + columns]
        for row in range(kernel.shape[0])
        for column in range(kernel.shape[1])
    ]
    return jnp.concatenate(patches, axis=-1) @ kernel.reshape(-1, kernel.shape[3])


def valid_convolution(
    x: jax.Array, kernel: jax.Array, *window: Any, **window_options: Any
) -> jax.Array:
    """`convolve_patches` as flax's `nn.Conv` asks for it, with padding "VALID", in steps of one.

    Args:
        x: `[batch, height, width, inputs]`.
        kernel: `[kernel height, kernel width, inputs, outputs]`.
        *window: strides and padding: not looked at.
        **window_options: nor these.
    """
    del window, window_options
    return convolve_patches(x, kernel)

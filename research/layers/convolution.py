"""A convolution whose gradients are as fast inside a compiled loop as its forward pass.

XLA's CPU backend has a fast convolution for the form that a forward pass takes. Automatic
differentiation writes a convolution's gradients in other forms (batch and features exchanged,
reversed kernels), which inside a `fori_loop`, `while_loop` or `scan` run several times (input)
to fifty times (weights) slower. Here both gradients are written in the forward form.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import jax
from jax import lax

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = str | tuple[Pair, Pair]

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolve(
    x: jax.Array, kernel: jax.Array, strides: Pair = (1, 1), padding: Padding = "SAME"
) -> jax.Array:
    """The 2-D cross-correlation of `x` with `kernel`, as `lax.conv_general_dilated` has it.

    Differentiable in reverse mode, to any order; forward mode is refused by `jax.custom_vjp`.

    Args:
        x: `[batch, height, width, inputs]`.
        kernel: `[kernel height, kernel width, inputs, outputs]`, of the dtype of `x`.
        strides: rows and columns from one window to the next.
        padding: "SAME", "VALID", or the zeros ((above, below), (left, right)).

    Returns:
        `[batch, rows, columns, outputs]`, of the dtype of `x`.

    Raises:
        ValueError: for a padding by another name, or channels that do not match.
    """
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            "a convolution needs [batch, height, width, inputs] and "
            f"[kernel height, kernel width, inputs, outputs], not {x.shape} and {kernel.shape}"
        )
    window = (tuple(strides), _pads(x, kernel, strides, padding), (1, 1), (1, 1))
    return _convolve(x, kernel, *window)


def _pads(x: jax.Array, kernel: jax.Array, strides: Pair, padding: Padding) -> tuple[Pair, Pair]:
    if not isinstance(padding, str):
        return padding
    if padding not in ("SAME", "VALID"):
        raise ValueError(f'padding is "SAME", "VALID" or two pairs, not {padding!r}')
    rows, columns = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    return (rows[0], rows[1]), (columns[0], columns[1])


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
def _convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Pair,
    padding: tuple[Pair, Pair],
    input_dilation: Pair,
    kernel_dilation: Pair,
) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        lhs_dilation=input_dilation,
        rhs_dilation=kernel_dilation,
        dimension_numbers=_LAYOUT,
    )


def _convolve_forward(
    x: jax.Array, kernel: jax.Array, *window: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _convolve(x, kernel, *window), (x, kernel)


def _convolve_backward(
    strides: Pair,
    padding: tuple[Pair, Pair],
    input_dilation: Pair,
    kernel_dilation: Pair,
    residuals: tuple[jax.Array, jax.Array],
    gradient: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    before, after, weight_after = [], [], []
    for axis in (0, 1):
        inputs = _dilated(x.shape[1 + axis], input_dilation[axis])
        window = _dilated(kernel.shape[axis], kernel_dilation[axis])
        outputs = _dilated(gradient.shape[1 + axis], strides[axis])
        low = padding[axis][0]
        before.append(window - 1 - low)
        after.append(inputs - outputs + low)
        weight_after.append(outputs - inputs + window - 1 - low)
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    # Rows that a stride leaves over make `after` negative or positive: lax crops or pads.
    x_gradient = _convolve(
        gradient,
        flipped,
        input_dilation,
        ((before[0], after[0]), (before[1], after[1])),
        strides,
        kernel_dilation,
    )
    # Channels take the place of the batch and the batch that of the channels; the transposes are
    # explicit because a convolution in another layout than NHWC leaves the fast path.
    kernel_gradient = _convolve(
        x.transpose(3, 1, 2, 0),
        gradient.transpose(1, 2, 0, 3),
        kernel_dilation,
        ((padding[0][0], weight_after[0]), (padding[1][0], weight_after[1])),
        input_dilation,
        strides,
    ).transpose(1, 2, 0, 3)
    return x_gradient, kernel_gradient


def _dilated(size: int, dilation: int) -> int:
    return (size - 1) * dilation + 1 if size else 0


_convolve.defvjp(_convolve_forward, _convolve_backward)

"""A convolution whose gradients are as fast inside a compiled loop as its forward pass.

XLA's CPU backend has a fast convolution for the form that a forward pass takes. Automatic
differentiation writes a convolution's gradients in other forms (batch and features exchanged,
reversed kernels), which inside a `fori_loop`, `while_loop` or `scan` run several times (input)
to fifty times (weights) slower. Here both gradients are written in the forward form.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import flax.linen as nn
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


class Convolution(nn.Module):
    """A 2-D convolution with bias. Its parameters are those of `flax.linen.Conv`.

    Attributes:
        features: output channels.
        kernel_size: height and width of the kernel.
        strides: rows and columns from one window to the next.
        padding: "SAME", "VALID", or ((above, below), (left, right)).
        use_bias: whether a bias is added.
        dtype: what is computed in; None means the promotion of input and parameters.
        kernel_init: initialiser of the kernel, `[height, width, inputs, outputs]` float32.
        bias_init: initialiser of the bias, `[outputs]` float32.
    """

    features: int
    kernel_size: Pair = (3, 3)
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: Any = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[batch, height, width, inputs]` -> `[batch, rows, columns, features]`."""
        kernel = self.param(
            "kernel", self.kernel_init, (*self.kernel_size, x.shape[3], self.features)
        )
        bias = self.param("bias", self.bias_init, (self.features,)) if self.use_bias else None
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolve(x, kernel, self.strides, self.padding)
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)


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

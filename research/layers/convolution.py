"""2-D convolutions whose gradients are fast inside a compiled loop, on CPU too.

XLA's CPU backend has a fast convolution for the form that a forward pass takes. Automatic
differentiation writes a convolution's gradients in other forms (batch and features exchanged,
reversed kernels), which inside a `fori_loop`, `while_loop` or `scan` run several times (input)
to fifty times (weights) slower. In `convolve` both gradients are written in the forward form.

With a handful of channels a convolution spends its time in moving its input about.
`convolve_patches`, one matrix product, is several times as fast there, and the members of a
population, each with a kernel of its own, are one batched product instead of a grouped convolution.
"""

from __future__ import annotations

import itertools
import math
from functools import partial, reduce
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Inexact

Pair: TypeAlias = tuple[int, int]
Pads: TypeAlias = tuple[Pair, Pair]
Padding: TypeAlias = str | Pads

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolve(
    x: Inexact[Array, "batch height width inputs"],
    kernel: Inexact[Array, "size1 size2 inputs outputs"],
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
) -> Inexact[Array, "batch rows columns outputs"]:
    """The 2-D cross-correlation of `x` with `kernel`, as `lax.conv_general_dilated` has it.

    Differentiable in reverse mode, to any order; forward mode is refused by `jax.custom_vjp`.

    Args:
        x: images.
        kernel: of the dtype of `x`.
        strides: rows and columns from one window to the next.
        padding: "SAME", "VALID", or the zeros ((above, below), (left, right)).

    Raises:
        ValueError: for a padding by another name, or channels that do not match.
    """
    _check_shapes(x, kernel)
    pads = pads_of(x.shape[1:3], kernel.shape[:2], strides, padding)
    return _convolve(x, kernel, tuple(strides), pads, (1, 1), (1, 1))


def _check_shapes(x: jax.Array, kernel: jax.Array) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            "a convolution needs [batch, height, width, inputs] and "
            f"[kernel height, kernel width, inputs, outputs], not {x.shape} and {kernel.shape}"
        )


def pads_of(
    image: tuple[int, ...], kernel: tuple[int, ...], strides: Pair, padding: Padding
) -> Pads:
    """The zeros ((above, below), (left, right)) of a padding, "SAME", "VALID", or these.

    Raises:
        ValueError: for a padding by another name.
    """
    if not isinstance(padding, str):
        return padding
    if padding not in ("SAME", "VALID"):
        raise ValueError(f'padding is "SAME", "VALID" or two pairs, not {padding!r}')
    rows, columns = lax.padtype_to_pads(image, kernel, strides, padding)
    return (rows[0], rows[1]), (columns[0], columns[1])


def outputs_of(image: tuple[int, ...], kernel: tuple[int, ...], strides: Pair, pads: Pads) -> Pair:
    """Rows and columns of a convolution's output, of the sizes of an image and of a kernel."""
    rows, columns = (
        (n + sum(pad) - k) // s + 1
        for n, k, s, pad in zip(image, kernel, strides, pads, strict=True)
    )
    return rows, columns


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
def _convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Pair,
    padding: Pads,
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
    padding: Pads,
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


def convolve_patches(
    x: Inexact[Array, "batch height width inputs"],
    kernel: Inexact[Array, "size1 size2 inputs outputs"],
) -> Inexact[Array, "batch height-size1+1 width-size2+1 outputs"]:
    """The 2-D cross-correlation of `x` with `kernel`, without padding, in steps of one.

    Raises:
        ValueError: for channels that do not match, or an `x` smaller than the kernel.
    """
    _check_shapes(x, kernel)
    rows, columns = x.shape[1] - kernel.shape[0] + 1, x.shape[2] - kernel.shape[1] + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"{x.shape[1:3]} is smaller than the kernel, {kernel.shape[:2]}")
    patches = [
        x[:, row : row + rows, column : column + columns]
        for row in range(kernel.shape[0])
        for column in range(kernel.shape[1])
    ]
    return jnp.concatenate(patches, axis=-1) @ kernel.reshape(-1, kernel.shape[3])


def convolve_product(
    x: Inexact[Array, "batch height width inputs"],
    kernel: Inexact[Array, "size1 size2 inputs outputs"],
    pads: Pads = ((0, 0), (0, 0)),
) -> Inexact[Array, "batch rows columns outputs"]:
    """The 2-D cross-correlation of `x` with `kernel` as one matrix product, in steps of one.

    The product is of patches, or, where that is fewer numbers, gives what each pixel adds to the
    outputs around it: several times as fast as `convolve` where channels in or out are few.

    Args:
        x: images.
        kernel: of the dtype of `x`.
        pads: zeros (above, below), (left, right); negative ones cut pixels off.

    Raises:
        ValueError: for channels that do not match, or an `x` smaller than the kernel.
    """
    _check_shapes(x, kernel)
    around = ((0, 0, 0), *((*pad, 0) for pad in pads), (0, 0, 0))
    fill, (inputs, outputs) = jnp.zeros((), x.dtype), kernel.shape[2:]
    if inputs <= outputs:
        return convolve_patches(lax.pad(x, fill, around), kernel)
    taps = kernel.shape[:2]
    added = lax.pad(x @ kernel.transpose(2, 0, 1, 3).reshape(inputs, -1), fill, around)
    rows, columns = (added.shape[1 + axis] - taps[axis] + 1 for axis in (0, 1))
    parts = jnp.split(added, math.prod(taps), axis=3)
    places = itertools.product(*map(range, taps))
    return reduce(
        jnp.add,
        (
            part[:, row : row + rows, column : column + columns]
            for (row, column), part in zip(places, parts, strict=True)
        ),
    )


def valid_convolution(
    x: jax.Array, kernel: jax.Array, *window: Any, **window_options: Any
) -> jax.Array:
    """`convolve_patches` as flax's `nn.Conv` asks for it, with padding "VALID", in steps of one.

    What it is given of the window, such as strides and padding, is not looked at.
    """
    del window, window_options
    return convolve_patches(x, kernel)

"""2-D transposed convolutions whose gradients are fast inside a loop, too.

Between its inputs a transposed convolution has zeros, and most of its multiplications are by them.
Here each of the `strides` phases of the output is a small convolution of its own; all phases are
one convolution of more channels, whose pixels are then interleaved. It is computed by Winograd's
algorithm where that pays, else as one matrix product: with zeros all around, the gradient of a
convolution's kernel takes ten times as long.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from research.layers.convolution import Pads, Pair, convolve_product
from research.layers.convolution_block import convolution_block, winograd_pays


def convolve_transposed(
    x: Inexact[Array, "batch height width inputs"],
    kernel: Inexact[Array, "size1 size2 inputs outputs"],
    strides: Pair = (2, 2),
    padding: str | Pads = "SAME",
    *,
    images: float = math.inf,
) -> Inexact[Array, "batch rows columns outputs"]:
    """The gradient of a strided convolution with respect to its input, applied to `x`.

    Pixel `i` of the input adds `x[i] * kernel[t]` to pixel `i * stride + t` of the whole output,
    of which `padding` is then cut off: `(inputs - 1) * stride + size` pixels without it.

    Args:
        x: images.
        kernel: of the dtype of `x`, at least as large as the strides.
        strides: rows and columns of the output from one pixel of the input to the next.
        padding: "SAME" (the output is `strides` times as large as the input), "VALID" (nothing is
            cut off), or what is cut off, ((above, below), (left, right)).
        images: as `winograd_pays` takes it.

    Raises:
        ValueError: for a padding by another name, a kernel smaller than its strides, or channels
            that do not match.

    Source: Dumoulin and Visin 2016 (arXiv 1603.07285), section 4; the phases: Shi et al. 2016
    (arXiv 1609.07009).
    """
    size = kernel.shape[:2]
    if min(size[0] - strides[0], size[1] - strides[1]) < 0:
        raise ValueError(f"the kernel, {size}, must be at least as large as the strides, {strides}")
    whole = [(n - 1) * s + k for n, s, k in zip(x.shape[1:3], strides, size, strict=True)]
    cuts = _cut_off(size, strides, padding)
    made = [n - above - below for n, (above, below) in zip(whole, cuts, strict=True)]
    axes = [
        _plan(n, k, s, above, rows)
        for n, k, s, (above, _), rows in zip(x.shape[1:3], size, strides, cuts, made, strict=True)
    ]
    rows, columns = axes
    # In each phase a kernel has as many taps: it is filled up with zeros.
    more = [(one.front, one.taps * s - one.front - k)
            for one, s, k in zip(axes, strides, size, strict=True)]  # fmt: skip
    filled = jnp.pad(kernel, (*more, (0, 0), (0, 0)))
    inputs, outputs = kernel.shape[2:]
    phases = filled.reshape(rows.taps, strides[0], columns.taps, strides[1], inputs, outputs)
    phases = phases[::-1, :, ::-1].transpose(0, 2, 4, 1, 3, 5)
    phases = phases.reshape(rows.taps, columns.taps, inputs, strides[0] * strides[1] * outputs)
    y = _convolve(x, phases, (rows.pads, columns.pads), images)
    batch, height, width, _ = y.shape
    y = y.reshape(batch, height, width, *strides, outputs).transpose(0, 1, 3, 2, 4, 5)
    y = y.reshape(batch, height * strides[0], width * strides[1], outputs)
    return y[:, rows.skip : rows.skip + made[0], columns.skip : columns.skip + made[1]]


def _convolve(x: jax.Array, kernel: jax.Array, pads: Pads, images: float) -> jax.Array:
    """In steps of one, the way that is fastest. Pads may be negative."""
    if winograd_pays(x, kernel, (1, 1), pads, images):
        none = jnp.zeros(kernel.shape[3], x.dtype)
        return convolution_block(x, kernel, none, (1, 1), pads, relu=False, images=images)
    return convolve_product(x, kernel, pads)


class _Plan(NamedTuple):
    """One axis: where windows lie.

    Attributes:
        taps: pixels of the input that a window has.
        front: zeros in front of the kernel, by which phases begin where the output does.
        pads: zeros before and after the input.
        skip: pixels that are calculated before the output begins, fewer than a stride.
    """

    taps: int
    front: int
    pads: Pair
    skip: int


def _plan(inputs: int, size: int, stride: int, above: int, rows: int) -> _Plan:
    """The least work: windows times taps."""

    def plan(front: int) -> tuple[int, _Plan]:
        taps, (first, skip) = -(-(size + front) // stride), divmod(above + front, stride)
        windows = -(-(skip + rows) // stride)
        before = taps - 1 - first
        after = windows + taps - 1 - inputs - before
        return windows * taps, _Plan(taps, front, (before, after), skip)

    return min(plan(0), plan(-above % stride))[1]


def _cut_off(size: tuple[int, ...], strides: Pair, padding: str | Pads) -> Pads:
    match padding:
        case "VALID":
            return (0, 0), (0, 0)
        case "SAME":
            rows, columns = size[0] - strides[0], size[1] - strides[1]
            return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
        case str():
            raise ValueError(f'padding is "SAME", "VALID" or two pairs, not {padding!r}')
    return padding


class TransposedConvolution(nn.Module):
    """A transposed convolution with bias.

    Attributes:
        features: output channels.
        kernel_size: height and width of the kernel.
        strides: pixels of the output from one of the input to the next.
        padding: as `convolve_transposed` has it.
        use_bias: whether a bias is added.
        images: that it is trained on in the run; see `winograd_pays`.
        kernel_init: initialiser of the kernel, `[height, width, inputs, outputs]` float32.
    """

    features: int
    kernel_size: Pair = (3, 3)
    strides: Pair = (2, 2)
    padding: Any = "SAME"
    use_bias: bool = True
    images: float = math.inf
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[batch, height, width, inputs]` -> `[batch, rows, columns, features]`."""
        shape = (*self.kernel_size, x.shape[3], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = convolve_transposed(
            x, kernel.astype(x.dtype), self.strides, self.padding, images=self.images
        )
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
            y = y + bias.astype(y.dtype)
        return y

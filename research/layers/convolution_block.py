"""Convolution, bias and ReLU as one block, by Winograd's algorithm where that is faster.

On CPU a 3x3 convolution of many channels spends its time in multiplications, of which Winograd's
algorithm needs a third to a quarter. So does one of 5x5 in steps of two, which is one of 3x3 over
blocks of 2x2 pixels. Other layers, other dtypes and other devices take `convolve`; so do layers of
a run so short that it would end before the compiler's time for the algorithm came back.

Values differ from the direct sum by rounding: about 4e-6 of the largest output in float32, where
the direct sum is off by 6e-7. A NaN or infinity in the input reaches every output of its tile.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Inexact

from research.layers.convolution import (
    Padding,
    Pads,
    Pair,
    convolve,
    convolve_product,
    outputs_of,
    pads_of,
)
from research.layers.winograd import TAPS, make_tiling
from research.layers.winograd_block import winograd_block


def convolution_block(
    x: Inexact[Array, "batch height width inputs"],
    kernel: Inexact[Array, "size1 size2 inputs outputs"],
    bias: Inexact[Array, " outputs"],
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    *,
    relu: bool = True,
    images: float = math.inf,
) -> Inexact[Array, "batch rows columns outputs"]:
    """relu(convolve(x, kernel) + bias), on CPU by Winograd's algorithm where it is faster.

    Differentiable in reverse mode; as `convolve`, and without `relu` negative values stay. `images`
    is as `winograd_pays` takes it.

    Raises:
        ValueError: for a padding by another name, or channels that do not match.
    """
    plain = partial(_plain, strides=strides, padding=padding, relu=relu)
    if not winograd_pays(x, kernel, strides, padding, images):
        return plain(x, kernel, bias)
    pads = pads_of(x.shape[1:3], kernel.shape[:2], strides, padding)

    def by_winograd(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        if tuple(strides) == (1, 1):
            return winograd_block(x, kernel, bias, pads, relu)
        return winograd_block(*unstrided(x, kernel, strides, pads), bias, _NO_PADS, relu)

    return lax.platform_dependent(x, kernel, bias, cpu=by_winograd, default=plain)


_NO_PADS = ((0, 0), (0, 0))


def unstrided(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: Pads
) -> tuple[jax.Array, jax.Array]:
    """Images and a kernel whose convolution in steps of one, without padding, is the strided one.

    A block of as many pixels as a step is long becomes one pixel with the channels of all, and the
    kernel is filled up with zeros to whole blocks.

    Args:
        x: `[batch, height, width, inputs]`.
        kernel: `[size1, size2, inputs, outputs]`.
        strides: rows and columns from one window to the next.
        pads: zeros (above, below), (left, right).

    Returns:
        `[batch, rows, columns, blocks]` and `[taps1, taps2, blocks, outputs]`.
    """
    outputs = outputs_of(x.shape[1:3], kernel.shape[:2], strides, pads)
    taps = [-(-size // stride) for size, stride in zip(kernel.shape[:2], strides, strict=True)]
    blocks = [count + tap - 1 for count, tap in zip(outputs, taps, strict=True)]
    # Negative behind where the last pixels are in no window.
    around = [
        (low, count * stride - size - low, 0)
        for (low, _), count, stride, size in zip(pads, blocks, strides, x.shape[1:3], strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *around, (0, 0, 0)))
    x = x.reshape(x.shape[0], blocks[0], strides[0], blocks[1], strides[1], -1)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape[0], *blocks, -1)
    behind = [
        (0, tap * stride - size)
        for tap, stride, size in zip(taps, strides, kernel.shape[:2], strict=True)
    ]
    inputs, features = kernel.shape[2:]
    kernel = jnp.pad(kernel, (*behind, (0, 0), (0, 0)))
    kernel = kernel.reshape(taps[0], strides[0], taps[1], strides[1], inputs, features)
    return x, kernel.transpose(0, 2, 1, 3, 4, 5).reshape(*taps, -1, features)


def winograd_pays(
    x: jax.Array | jax.ShapeDtypeStruct,
    kernel: jax.Array | jax.ShapeDtypeStruct,
    strides: Pair,
    padding: Padding,
    images: float = math.inf,
) -> bool:
    """Whether Winograd's algorithm is exact enough for such arrays, and faster on CPU.

    Faster is a whole run, compilation counted, in which the layer is trained on so many images,
    each as often as it comes; infinite where only the time of a step counts.
    """
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        return False  # a mistake, which the plain way names
    if x.dtype not in (jnp.float32, jnp.float64) or kernel.dtype != x.dtype:
        return False
    taps = [-(-size // stride) for size, stride in zip(kernel.shape[:2], strides, strict=True)]
    if taps != [TAPS, TAPS] or not x.shape[0]:
        return False
    if isinstance(padding, str) and padding not in ("SAME", "VALID"):
        return False
    pads = pads_of(x.shape[1:3], kernel.shape[:2], strides, padding)
    rows, columns = outputs_of(x.shape[1:3], kernel.shape[:2], strides, pads)
    if min(rows, columns) < 1 or min(low for pad in pads for low in pad) < 0:
        return False
    inputs, features = kernel.shape[2:]
    block = math.prod(strides)
    products = block * make_tiling(rows).products * make_tiling(columns).products
    direct = math.prod(kernel.shape[:2]) * rows * columns
    if min(block * inputs, features) < _CHANNELS or products > _SHARE * direct:
        return False
    return images * (direct - products) * inputs * features >= _WORTH


_CHANNELS = 32
"""Below this the transforms cost more than the multiplications that they save."""
_SHARE = 0.7
"""Of the direct way's multiplications, the most that may be left."""
_WORTH = 2e11
"""Multiplications that a layer must save in the forward passes of a run. It takes 4 to 11 seconds
longer to trace and compile by Winograd's algorithm, in training and evaluation together, and each
multiplication less saved .1 ns of a step where the algorithm gains most (benchmarks/README.md)."""


def _plain(
    x: jax.Array, kernel: jax.Array, bias: jax.Array, strides: Pair, padding: Padding, relu: bool
) -> jax.Array:
    y = convolve(x, kernel, strides, padding) + bias.reshape(1, 1, 1, -1)
    return nn.relu(y) if relu else y


class Convolution(nn.Module):
    """A 2-D convolution with bias and ReLU. Its parameters are those of `flax.linen.Conv`.

    Attributes:
        features: output channels.
        kernel_size: height and width of the kernel.
        strides: rows and columns from one window to the next.
        padding: "SAME", "VALID", or ((above, below), (left, right)).
        use_bias: whether a bias is added.
        relu: whether negative values become 0.
        images: that it is trained on in the run; see `winograd_pays`.
        few: whether it has few channels in or out, and steps of one: see `convolve_product`.
        dtype: of the computation; None means the promotion of input and parameters.
        kernel_init: initialiser of the kernel, `[height, width, inputs, outputs]` float32.
        bias_init: initialiser of the bias, `[outputs]` float32.
    """

    features: int
    kernel_size: Pair = (3, 3)
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    relu: bool = False
    images: float = math.inf
    few: bool = False
    dtype: Any = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[batch, height, width, inputs]` -> `[batch, rows, columns, features]`."""
        kernel = self.param(
            "kernel", self.kernel_init, (*self.kernel_size, x.shape[3], self.features)
        )
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,))
        else:
            bias = jnp.zeros(self.features, kernel.dtype)
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        if self.few:
            pads = pads_of(x.shape[1:3], self.kernel_size, (1, 1), self.padding)
            y = convolve_product(x, kernel, pads) + bias.reshape(1, 1, 1, -1)
            return nn.relu(y) if self.relu else y
        return convolution_block(
            x, kernel, bias, self.strides, self.padding, relu=self.relu, images=self.images
        )

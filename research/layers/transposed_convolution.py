"""2-D transposed convolutions by the fast form of a convolution, inside a compiled loop too.

Between its inputs a transposed convolution has zeros, and most of its multiplications are by them.
Here each of the `strides` phases of the output is a small convolution of its own; all phases are
one convolution of more channels, whose pixels are then interleaved.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from research.layers.convolution import Pads, Pair, convolve


def convolve_transposed(
    x: Inexact[Array, "batch height width inputs"],
    kernel: Inexact[Array, "size1 size2 inputs outputs"],
    strides: Pair = (2, 2),
    padding: str | Pads = "SAME",
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
    # In each phase a kernel has as many taps: it is filled up with zeros.
    taps = [-(-k // s) for k, s in zip(size, strides, strict=True)]
    more = [(0, t * s - k) for t, s, k in zip(taps, strides, size, strict=True)]
    filled = jnp.pad(kernel, (*more, (0, 0), (0, 0)))
    inputs, outputs = kernel.shape[2:]
    phases = filled.reshape(taps[0], strides[0], taps[1], strides[1], inputs, outputs)
    phases = phases[::-1, :, ::-1].transpose(0, 2, 4, 1, 3, 5)
    phases = phases.reshape(*taps, inputs, strides[0] * strides[1] * outputs)
    rows, columns = ((t - 1, t - 1) for t in taps)
    y = convolve(x, phases, (1, 1), (rows, columns))
    batch, height, width, _ = y.shape
    y = y.reshape(batch, height, width, *strides, outputs).transpose(0, 1, 3, 2, 4, 5)
    y = y.reshape(batch, height * strides[0], width * strides[1], outputs)
    (above, below), (left, right) = _cut_off(size, strides, padding)
    return y[:, above : whole[0] - below, left : whole[1] - right]


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
        kernel_init: initialiser of the kernel, `[height, width, inputs, outputs]` float32.
    """

    features: int
    kernel_size: Pair = (3, 3)
    strides: Pair = (2, 2)
    padding: Any = "SAME"
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[batch, height, width, inputs]` -> `[batch, rows, columns, features]`."""
        shape = (*self.kernel_size, x.shape[3], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = convolve_transposed(x, kernel.astype(x.dtype), self.strides, self.padding)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
            y = y + bias.astype(y.dtype)
        return y

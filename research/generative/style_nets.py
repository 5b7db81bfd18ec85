"""A generator by styles: a net makes a style of a code, and the style scales channels everywhere.

What is modulated is what a convolution is given, not its kernel: the same numbers, and one
convolution for all images in place of one for each.

Sources: Karras et al. 2019 (arXiv 1812.04948); Karras et al. 2020 (arXiv 1912.04958), whose
figures 2c and 7b this is, with fewer channels and without its penalty of path lengths.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.generative.adversarial_layers import EqualisedDense, double, pixel_norm
from research.generative.adversarial_nets import GeneratorNet
from research.generative.growing_nets import LAYERS, activate, smallest
from research.layers.convolution import Pair, convolve


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by a style, of each image by its own.

    Source: Karras et al. 2020 (arXiv 1912.04958), eq. 1 to 3.

    Attributes:
        features: output channels.
        kernel_size: height and width of the kernel.
        demodulate: whether outputs are scaled back, to a deviation of 1 for inputs of 1.
    """

    features: int
    kernel_size: Pair = (3, 3)
    demodulate: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, style: jax.Array) -> jax.Array:
        """`[batch, height, width, inputs]`, `[batch, units]` -> `[..., features]`, no bias."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape)
        kernel = kernel / math.sqrt(math.prod(shape[:-1]))
        scale = EqualisedDense(x.shape[-1], gain=1.0, bias=1.0, name="scale")(style)
        y = convolve(x * scale[:, None, None], kernel)
        if not self.demodulate:
            return y
        squares = scale**2 @ jnp.sum(kernel**2, axis=(0, 1))
        return y * jax.lax.rsqrt(squares + 1e-8)[:, None, None]


class StyleGenerator(GeneratorNet):
    """A constant, convolutions by style with noise, and the sum of images of every size.

    Attributes:
        layers: channels at each size, from the smallest images on.
        mapping: widths of the layers that make a style of a code.
    """

    layers: tuple[int, ...] = LAYERS
    mapping: tuple[int, ...] = (64, 64, 64)

    @property
    def noise_size(self) -> int:
        """A number for each pixel of each convolution's outputs."""
        return sum(rows * columns for rows, columns, _ in self._convolutions)

    @property
    def _convolutions(self) -> list[tuple[int, int, int]]:
        """Height, width and channels of each one's outputs."""
        rows, columns = smallest(self.shape, len(self.layers))
        return [
            (2**level * rows, 2**level * columns, features)
            for level, features in enumerate(self.layers)
            for _ in range(2 if level else 1)
        ]

    @nn.compact
    def __call__(self, code: jax.Array, *, training: bool) -> jax.Array:
        """Noise and codes `[batch, noise + units]` -> images."""
        del training
        noise, style = code[:, : self.noise_size], pixel_norm(code[:, self.noise_size :])
        for layer, width in enumerate(self.mapping):
            style = activate(EqualisedDense(width, rate=0.01, name=f"mapping_{layer}")(style))
        first = (*smallest(self.shape, len(self.layers)), self.layers[0])
        constant = self.param("constant", nn.initializers.normal(1.0), first)
        x, logits, used = jnp.broadcast_to(constant, (len(code), *first)), jnp.zeros(()), 0
        for at, (rows, columns, features) in enumerate(self._convolutions):
            x = double(x) if x.shape[1] < rows else x
            x = ModulatedConvolution(features, name=f"convolution_{at}")(x, style)
            strength = self.param(f"strength_{at}", nn.initializers.zeros_init(), ())
            bias = self.param(f"bias_{at}", nn.initializers.zeros_init(), (features,))
            plane = noise[:, used : used + rows * columns].reshape(-1, rows, columns, 1)
            x = math.sqrt(2) * activate(x + strength * plane + bias.reshape(1, 1, 1, -1))
            used += rows * columns
            if at % 2 == 0:  # the last one of this size
                to_image = ModulatedConvolution(
                    self.shape[2], (1, 1), demodulate=False, name=f"to_image_{at // 2}"
                )
                logits = to_image(x, style) + (double(logits) if at else logits)
        offset = self.param("offset", nn.initializers.zeros_init(), (self.shape[2],))
        return nn.sigmoid(logits + offset.reshape(1, 1, 1, -1))

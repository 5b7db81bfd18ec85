"""Layers of adversarial nets whose sizes grow: equalised learning rate, pixel norm, deviations.

Source of all: Karras et al. 2018, "Progressive growing of GANs" (arXiv 1710.10196).
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.convolution import Pair, convolve

TOGETHER = 4
"""Images whose deviation is measured together."""
_EPSILON = 1e-8


class EqualisedDense(nn.Module):
    """A dense layer whose kernel has deviation 1 in the state and is scaled where it is used.

    So Adam, whose steps do not follow the scale of a gradient, changes all layers alike. Section
    4.1.

    Attributes:
        features: outputs.
        gain: of the outputs' deviation; √2 makes up for a ReLU after it.
        rate: of learning, against that of other layers (Karras et al. 2019, arXiv 1812.04948,
            appendix C).
        bias: at the beginning.
    """

    features: int
    gain: float = math.sqrt(2)
    rate: float = 1.0
    bias: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[batch, inputs]` -> `[batch, features]`."""
        inputs = x.shape[-1]
        kernel = self.param(
            "kernel", nn.initializers.normal(1 / self.rate), (inputs, self.features)
        )
        bias = self.param("bias", nn.initializers.constant(self.bias / self.rate), (self.features,))
        return x @ (kernel * (self.rate * self.gain / math.sqrt(inputs))) + self.rate * bias


class EqualisedConvolution(nn.Module):
    """As `EqualisedDense`, of images. Section 4.1.

    Attributes:
        features: output channels.
        kernel_size: height and width of the kernel.
        gain: of the outputs' deviation.
    """

    features: int
    kernel_size: Pair = (3, 3)
    gain: float = math.sqrt(2)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[batch, height, width, inputs]` -> `[batch, height, width, features]`."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        return convolve(x, kernel * (self.gain / math.sqrt(math.prod(shape[:-1])))) + bias.reshape(
            1, 1, 1, -1
        )


def pixel_norm(x: jax.Array) -> jax.Array:
    """Each pixel's features `[..., features]` scaled to a mean square of 1. Section 4.2."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + _EPSILON)


def with_deviation(x: jax.Array, together: int = TOGETHER) -> jax.Array:
    """Images with one more channel: how much the images beside each of them differ. Section 3.

    Each `together` images in order are one set, or as many as divide both that and the batch. Its
    number is the standard deviation of a feature over the set, averaged over features and places.
    No set goes beyond a batch, or a group of one, so that devices can share the groups.

    Args:
        x: `[batch, height, width, features]`.
        together: images in a set.

    Returns:
        `[batch, height, width, features + 1]`.
    """
    size = math.gcd(together, len(x))
    sets = x.reshape(-1, size, *x.shape[1:])
    deviation = jnp.sqrt(jnp.var(sets, axis=1) + _EPSILON)
    each = jnp.repeat(jnp.mean(deviation, axis=(1, 2, 3)), size)
    plane = jnp.broadcast_to(each.reshape(-1, 1, 1, 1), (*x.shape[:3], 1))
    return jnp.concatenate([x, plane], axis=-1)


def double(x: jax.Array) -> jax.Array:
    """Each pixel four times: `[batch, height, width, channels]` -> twice the height and width."""
    batch, height, width, channels = x.shape
    wide = jnp.broadcast_to(
        x.reshape(batch, height, 1, width, 1, channels), (batch, height, 2, width, 2, channels)
    )
    return wide.reshape(batch, 2 * height, 2 * width, channels)


def halve(x: jax.Array) -> jax.Array:
    """The mean of each 2 x 2 pixels: `[batch, height, width, channels]` -> half of both."""
    batch, height, width, channels = x.shape
    return jnp.mean(x.reshape(batch, height // 2, 2, width // 2, 2, channels), axis=(2, 4))

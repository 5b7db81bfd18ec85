"""Generators and discriminators: codes to images in [0, 1], and images to a logit each."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.generative.codecs import Shape
from research.layers.convolution_block import Convolution
from research.layers.transposed_convolution import TransposedConvolution

_NORMAL = nn.initializers.normal(0.02)
SLOPE = 0.2
"""Of a leaky ReLU below 0."""


class GeneratorNet(nn.Module):
    """What every generator is.

    Attributes:
        shape: of an image.
    """

    shape: Shape

    @property
    def noise_size(self) -> int:
        """Normal numbers that it is given of each image before its code."""
        return 0


class DenseGenerator(GeneratorNet):
    """Dense layers with SELU.

    Attributes:
        layers: widths of the hidden layers.
    """

    layers: tuple[int, ...] = (100, 150)

    @nn.compact
    def __call__(self, code: jax.Array, *, training: bool) -> jax.Array:
        """Codes `[batch, units]` -> images."""
        del training
        for width in self.layers:
            code = nn.selu(nn.Dense(width)(code))
        return nn.sigmoid(nn.Dense(math.prod(self.shape))(code)).reshape(len(code), *self.shape)


class DenseDiscriminator(nn.Module):
    """Dense layers with SELU.

    Attributes:
        layers: widths of the hidden layers.
    """

    layers: tuple[int, ...] = (150, 100)

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """Images -> logits `[batch]`."""
        x = image.reshape(len(image), -1)
        for width in self.layers:
            x = nn.selu(nn.Dense(width)(x))
        return nn.Dense(1)(x)[:, 0]


class ConvolutionalGenerator(GeneratorNet):
    """Transposed convolutions of 5 x 5 with batch normalisation, each of which doubles an image.

    Source: Radford et al. 2016, "DCGAN" (arXiv 1511.06434), section 3.

    Attributes:
        layers: channels of the smallest image, and of those before the last layer.
    """

    layers: tuple[int, ...] = (128, 64)

    @nn.compact
    def __call__(self, code: jax.Array, *, training: bool) -> jax.Array:
        """Codes `[batch, units]` -> images; "batch_stats" holds running averages."""
        height, width, channels = self.shape
        halved = 2 ** len(self.layers)
        rows, columns = -(-height // halved), -(-width // halved)
        x = nn.Dense(rows * columns * self.layers[0], kernel_init=_NORMAL)(code)
        x = x.reshape(len(code), rows, columns, self.layers[0])
        for features in (*self.layers[1:], channels):
            x = nn.relu(nn.BatchNorm(use_running_average=not training, momentum=0.99)(x))
            x = TransposedConvolution(features, (5, 5), kernel_init=_NORMAL)(x)
        above, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
        return nn.sigmoid(x[:, above : above + height, left : left + width])


class ConvolutionalDiscriminator(nn.Module):
    """Strided convolutions of 5 x 5 with leaky ReLU.

    There is no normalisation, so that each logit is of its own image alone.

    Attributes:
        layers: channels, each of half the height and width of the one before.
    """

    layers: tuple[int, ...] = (64, 128)

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """Images -> logits `[batch]`."""
        x = 2.0 * image - 1.0
        for features in self.layers:
            x = Convolution(features, (5, 5), (2, 2), kernel_init=_NORMAL)(x)
            x = nn.leaky_relu(x, SLOPE)
        return nn.Dense(1, kernel_init=_NORMAL)(x.reshape(len(x), -1))[:, 0]


def with_classes(image: jax.Array, label: jax.Array, classes: int) -> jax.Array:
    """Images with a channel for each class, 1 in that of their own.

    Source: Mirza and Osindero 2014 (arXiv 1411.1784), section 3.2.
    """
    planes = jnp.broadcast_to(
        jax.nn.one_hot(label, classes)[:, None, None], (*image.shape[:3], classes)
    )
    return jnp.concatenate([image, planes], axis=-1)

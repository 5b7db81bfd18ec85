"""Encoders and decoders of images: flax modules with `encode` and `decode`.

`encode` gives linear outputs `[batch, units]`, of which a bottleneck makes the code
(`research.generative.autoencoder`); `decode` gives logits of the pixels. So one net serves a plain
code, a noisy, a binary and a drawn one.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.convolution_block import Convolution
from research.layers.pooling import max_pool
from research.layers.recurrent import RecurrentLayers
from research.layers.transposed_convolution import TransposedConvolution

Shape = tuple[int, int, int]
"""Height, width, channels."""
_LECUN = nn.initializers.lecun_normal()


class Codec(nn.Module):
    """What every encoder with its decoder is made of.

    Attributes:
        shape: of an image.
        layers: widths of the encoder's hidden layers from the image inwards; the decoder mirrors
            them.
        outputs: linear outputs of the encoder, `units` or what a bottleneck needs in their place.
        units: of a code, as the decoder is given it.
    """

    shape: Shape
    layers: tuple[int, ...]
    outputs: int
    units: int

    @abstractmethod
    def encode(self, image: jax.Array) -> jax.Array:
        """Images `[batch, height, width, channels]` in [0, 1] -> `[batch, outputs]`."""

    @abstractmethod
    def decode(self, code: jax.Array) -> jax.Array:
        """Codes `[batch, units]` -> logits `[batch, height, width, channels]`."""

    def __call__(self, image: jax.Array, code: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Both halves, for their parameters to be made."""
        return self.encode(image), self.decode(code)


class DenseCodec(Codec):
    """Dense layers, with SELU between them, and their mirror image.

    Source: Géron, 3rd edition, chapter 17; SELU: Klambauer et al. 2017 (arXiv 1706.02515).

    Attributes:
        tied: whether the decoder's kernels are those of the encoder, transposed; biases are its
            own. Then `outputs` is `units`.
        activation: what is between layers.
        beside: numbers that the encoder is given behind the pixels.
    """

    tied: bool = False
    activation: Callable[[jax.Array], jax.Array] = nn.selu
    beside: int = 0

    def setup(self) -> None:
        """Kernels and biases of both halves, from the image inwards."""
        pixels = math.prod(self.shape)
        into = pixels + self.beside, *self.layers, self.outputs
        back = pixels, *self.layers, self.units
        zeros = nn.initializers.zeros_init()
        self.kernels = [
            self.param(f"kernel_{layer}", _LECUN, pair)
            for layer, pair in enumerate(itertools.pairwise(into))
        ]
        self.biases = [
            self.param(f"bias_{layer}", zeros, (width,)) for layer, width in enumerate(into[1:])
        ]
        self.back_kernels = [
            self.param(f"back_kernel_{layer}", _LECUN, pair[::-1])
            for layer, pair in enumerate(itertools.pairwise(back))
            if not self.tied
        ]
        self.back_biases = [
            self.param(f"back_bias_{layer}", zeros, (width,))
            for layer, width in enumerate(back[:-1])
        ]

    def encode(self, image: jax.Array) -> jax.Array:
        """As `Codec.encode`."""
        x = image.reshape(image.shape[0], -1)
        for layer in range(len(self.kernels)):
            x = self.encode_layer(self.activation(x) if layer else x, layer)
        return x

    def encode_layer(self, x: jax.Array, layer: int) -> jax.Array:
        """The linear outputs of one layer, counted from the image."""
        return x @ self.kernels[layer] + self.biases[layer]

    def decode(self, code: jax.Array) -> jax.Array:
        """As `Codec.decode`."""
        x = code
        for layer in reversed(range(len(self.kernels))):
            x = self.decode_layer(x, layer)
            x = self.activation(x) if layer else x
        return x.reshape(code.shape[0], *self.shape)

    def decode_layer(self, x: jax.Array, layer: int) -> jax.Array:
        """The linear outputs of one layer of the decoder, which mirrors that of the encoder."""
        kernel = self.kernels[layer].T if self.tied else self.back_kernels[layer]
        return x @ kernel + self.back_biases[layer]


class ConvolutionalCodec(Codec):
    """Convolutions of 3 x 3 with poolings, and transposed convolutions back.

    Each layer halves height and width, rounded down; the decoder starts from the smallest image
    and is cut to the size of the data.

    Source: Géron, 3rd edition, chapter 17 (16, 32 and 64 channels).
    """

    def setup(self) -> None:
        """Layers of both halves, from the image inwards."""
        self.convolutions = [Convolution(width, relu=True) for width in self.layers]
        self.last = nn.Dense(self.outputs)
        self.first = nn.Dense(math.prod(self._smallest))
        self.transposed = [
            TransposedConvolution(width) for width in (self.shape[2], *self.layers[:-1])
        ]

    @property
    def _smallest(self) -> Shape:
        return *halved(self.shape, len(self.layers))[:2], self.layers[-1]

    def encode(self, image: jax.Array) -> jax.Array:
        """As `Codec.encode`."""
        x = image
        for convolution in self.convolutions:
            x = max_pool(convolution(x))
        return self.last(x.reshape(image.shape[0], -1))

    def decode(self, code: jax.Array) -> jax.Array:
        """As `Codec.decode`."""
        x = nn.relu(self.first(code)).reshape(code.shape[0], *self._smallest)
        for layer in reversed(range(len(self.layers))):
            x = self.transposed[layer](x)
            x = nn.relu(x) if layer else x
        return cut(x, self.shape)


def cut(x: jax.Array, shape: Shape) -> jax.Array:
    """The middle of images, of the height and width of `shape`."""
    height, width, _ = shape
    above, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    return x[:, above : above + height, left : left + width]


def halved(shape: Shape, times: int) -> Shape:
    """Height and width of an image that was halved so often, rounded up, and channels."""
    return -(-shape[0] // 2**times), -(-shape[1] // 2**times), shape[2]


class RecurrentCodec(Codec):
    """LSTMs that read an image row by row, and write it row by row.

    Source: Géron, 2nd edition, chapter 17 (100 units, 30 for the code).
    """

    def setup(self) -> None:
        """Layers of both halves."""
        self.reader = RecurrentLayers("lstm", self.layers)
        self.last = nn.Dense(self.outputs)
        self.writer = RecurrentLayers("lstm", self.layers[::-1])
        self.row = nn.Dense(self.shape[1] * self.shape[2])

    def encode(self, image: jax.Array) -> jax.Array:
        """As `Codec.encode`."""
        rows, _ = self.reader(image.reshape(image.shape[0], self.shape[0], -1))
        return self.last(rows[:, -1])

    def decode(self, code: jax.Array) -> jax.Array:
        """As `Codec.decode`; each row is given the code."""
        repeated = jnp.repeat(code[:, None], self.shape[0], axis=1)
        rows, _ = self.writer(repeated)
        return self.row(rows).reshape(code.shape[0], *self.shape)


MakeCodec = Callable[..., Any]
"""(shape, layers, outputs, units) -> a `Codec`."""

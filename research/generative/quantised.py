"""Vector-quantised autoencoders: a code is a grid of vectors, each of which is one of a book."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.generative.autoencoder import Autoencoder, Encoded
from research.generative.codecs import Codec, MakeCodec, Shape, cut, halved
from research.layers.convolution_block import Convolution
from research.layers.transposed_convolution import TransposedConvolution
from research.options.ranges import AMOUNT, COUNT, FIXED, Range


class QuantisedCodec(Codec):
    """Convolutions to a small grid of vectors, and the vectors of a book that are nearest to them.

    Each layer of the encoder halves height and width, rounded up. In the decoder windows overlap in
    the first layer and in the last.

    Attributes:
        book_size: vectors in the book.

    Source: van den Oord et al. 2017 (arXiv 1711.00937), section 4.1, without residual blocks.
    """

    book_size: int = 1

    def setup(self) -> None:
        """Layers of both halves, and the book, `[book_size, numbers]`."""
        self.rows, self.columns, channels = halved(self.shape, len(self.layers))
        self.numbers = self.units // (self.rows * self.columns)
        self.down = [Convolution(width, (4, 4), (2, 2), relu=True) for width in self.layers]
        self.last = nn.Dense(self.numbers)
        self.book = self.param("book", self._first_book)
        self.first = Convolution(self.layers[-1], relu=True)
        self.up = [TransposedConvolution(width, (2, 2)) for width in self.layers[:-1]]
        self.pixels = TransposedConvolution(channels, (4, 4))

    def _first_book(self, key: Key) -> jax.Array:
        near = 1.0 / self.book_size
        return jax.random.uniform(key, (self.book_size, self.numbers), minval=-near, maxval=near)

    def encode(self, image: jax.Array) -> jax.Array:
        """Vectors of the encoder, then as many of the book: `[batch, 2 * units]`."""
        made = self.vectors(image)
        nearest = self.book[nearest_vectors(made, self.book)]
        both = (part.reshape(image.shape[0], -1) for part in (made, nearest))
        return jnp.concatenate([*both], axis=1)

    def vectors(self, image: jax.Array) -> jax.Array:
        """As the encoder makes them, `[batch, rows, columns, numbers]`."""
        x = image
        for convolution in self.down:
            x = convolution(x)
        return self.last(x)

    def decode(self, code: jax.Array) -> jax.Array:
        """As `Codec.decode`."""
        x = self.first(code.reshape(code.shape[0], self.rows, self.columns, self.numbers))
        for convolution in reversed(self.up):
            x = nn.relu(convolution(x))
        return cut(self.pixels(x), self.shape)

    def use(self, image: jax.Array) -> jax.Array:
        """How often an image uses each vector of the book, `[batch, book_size]`."""
        found = nearest_vectors(self.vectors(image), self.book)
        return jnp.sum(jax.nn.one_hot(found, self.book_size), axis=(1, 2))


def nearest_vectors(vectors: jax.Array, book: jax.Array) -> jax.Array:
    """The place in the book of the vector that is nearest: int32 `[...]`.

    Args:
        vectors: `[..., numbers]`.
        book: `[book_size, numbers]`.

    Source: van den Oord et al. 2017 (arXiv 1711.00937), eq. 1.
    """
    return jnp.argmin(jnp.sum(book**2, axis=1) - 2.0 * vectors @ book.T, axis=-1)


def straight_through(made: jax.Array, nearest: jax.Array) -> jax.Array:
    """The nearest vectors, whose gradient goes to those that the encoder made.

    Source: van den Oord et al. 2017, section 3.2.
    """
    return made + jax.lax.stop_gradient(nearest - made)


def book_errors(made: jax.Array, nearest: jax.Array, commitment: jax.Array | float) -> jax.Array:
    """How far vectors are from those of the book, which follow them, and they a little: `[batch]`.

    Means over the numbers of a code. Both are `[batch, units]`.

    Source: van den Oord et al. 2017, eq. 3, the second and third term.
    """
    of_book = (jax.lax.stop_gradient(made) - nearest) ** 2
    of_encoder = (made - jax.lax.stop_gradient(nearest)) ** 2
    return jnp.mean(of_book + commitment * of_encoder, axis=1)


@dataclass(frozen=True)
class Quantised(Autoencoder):
    """A code is a grid of vectors from a book that is learned.

    The book is trained by the loss: so all that learns is a parameter with one optimiser, and the
    gradients of devices are summed as ever. Moving averages, the paper's other way, would be a
    second rule of learning beside it, and statistics to be merged.

    Source: van den Oord et al. 2017 (arXiv 1711.00937), "Neural discrete representation learning".
    """

    net: Annotated[MakeCodec, FIXED] = QuantisedCodec
    layers: Annotated[
        tuple[int, ...],
        "channels of the encoder's layers, each of which halves the image; the decoder mirrors "
        "them",
        COUNT,
    ] = (32, 64)
    code_size: Annotated[int, "numbers in a vector of the book", COUNT] = 16
    book_size: Annotated[int, "vectors in the book", Range(2)] = 256
    commitment: Annotated[
        float, "weight of the distance of the encoder's vectors from those of the book", AMOUNT
    ] = 0.25

    def smoke(self) -> Self:
        """In steps so large that the vectors begin to follow the image."""
        return replace(super().smoke(), batch_size=32, learning_rate=1e-2)

    def codec(self, shape: Shape) -> Codec:
        """With the book."""
        return self.net(shape, self.layers, self.outputs, self.units, book_size=self.book_size)

    @property
    def components(self) -> int:
        """As many as an image has vectors."""
        return math.prod(halved(self.images().shape, len(self.layers))[:2])

    @property
    def units(self) -> int:
        """Of all vectors."""
        return self.components * self.code_size

    @property
    def outputs(self) -> int:
        """Those vectors, and the nearest of the book."""
        return 2 * self.units

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """The vectors of the book."""
        del values, key
        made, nearest = jnp.split(outputs, 2, axis=1)
        return straight_through(made, nearest)

    def penalty(self, encoded: Encoded, values: Hyperparameters) -> jax.Array:
        """What brings the book and the encoder together."""
        made, nearest = jnp.split(encoded.outputs, 2, axis=1)
        return book_errors(made, nearest, values["commitment"])

    def figures(self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters) -> Metrics:
        """With the perplexity of the use of the book, among the images of a batch."""
        weight = rows["weight"]
        use = weight @ codec.use(rows["image"])
        perplexity = jnp.exp(jnp.sum(jax.scipy.special.entr(use / jnp.sum(use))))
        used = metrics.mean(perplexity, jnp.sum(weight))
        return {**super().figures(codec, rows, key, values), "perplexity_of_codes": used}

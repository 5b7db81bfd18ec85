"""Conditional variational autoencoders: encoder and decoder are given the class of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from research.data.images import CLASSES
from research.engine.artifacts import Artifact
from research.engine.experiment import Hyperparameters, Key
from research.generative.codecs import Codec, DenseCodec, MakeCodec, Shape
from research.generative.pictures import Samples, View, show_paths
from research.generative.variational import Variational, split
from research.options.ranges import FIXED


class ConditionalCodec(DenseCodec):
    """Dense layers; classes, of which one is 1, stand behind the pixels, and behind a code."""

    def __call__(self, image: jax.Array, code: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `Codec.__call__`."""
        return super().__call__(behind(image, code[:, -self.beside :]), code)


class Given(NamedTuple):
    """A codec for images of known classes.

    Attributes:
        codec: bound to its parameters.
        classes: float32 `[batch, classes]`, of which one is 1.
    """

    codec: Codec
    classes: jax.Array

    def encode(self, image: jax.Array) -> jax.Array:
        """As `Codec.encode`, with the classes behind."""
        return behind(self.codec.encode(behind(image, self.classes)), self.classes)

    def decode(self, code: jax.Array) -> jax.Array:
        """As `Codec.decode`, of codes that the classes stand behind."""
        return self.codec.decode(code)


def behind(arrays: jax.Array, classes: jax.Array) -> jax.Array:
    """Each array as a row, and its classes behind it."""
    return jnp.concatenate([arrays.reshape(len(arrays), -1), classes], axis=1)


@dataclass(frozen=True)
class Conditional(Variational):
    """A variational autoencoder that is given the class, which a code then need not hold.

    Codes of every class have the same prior.

    Source: Sohn et al. 2015, "Learning structured output representation using deep conditional
    generative models", eq. 4.
    """

    conditional: ClassVar[bool] = True

    net: Annotated[MakeCodec, FIXED] = ConditionalCodec

    @property
    def units(self) -> int:
        """A code, and the class."""
        return self.code_size + CLASSES

    def codec(self, shape: Shape) -> Codec:
        """With room for the class."""
        return self.net(shape, self.layers, self.outputs, self.units, beside=CLASSES)

    def of_class(self, codec: Codec, label: jax.Array) -> Given:
        """The codec that has been given the classes."""
        return Given(codec, jax.nn.one_hot(label, CLASSES))

    def moments(self, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `Variational.moments`."""
        return split(outputs[:, :-CLASSES])

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """As `Variational.bottleneck`, and the class."""
        return behind(super().bottleneck(outputs, values, key), outputs[:, -CLASSES:])

    def pictures(self, samples: Samples, view: View) -> dict[str, Artifact]:
        """Without a map of codes, in which the class that they hold would be seen alone."""
        return {"paths": show_paths(samples, view, spherical=True)}

    def draw(self, codec: Codec, label: jax.Array, key: Key) -> jax.Array:
        """From codes of the prior, and the classes."""
        code = jax.random.normal(key, (len(label), self.code_size))
        return codec.decode(behind(code, jax.nn.one_hot(label, CLASSES)))

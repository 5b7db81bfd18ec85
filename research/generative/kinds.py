"""Kinds of autoencoders: denoising, sparse, contractive, hashing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.generative.autoencoder import Autoencoder, Encoded
from research.generative.codecs import Codec
from research.generative.pictures import Samples, View, show_bits
from research.layers.dropout import dropout
from research.options.ranges import AMOUNT, FRACTION, POSITIVE, Range


@dataclass(frozen=True)
class Denoising(Autoencoder):
    """The encoder is given a spoilt image, and the loss is that of the clean one.

    Source: Vincent et al. 2010, "Stacked denoising autoencoders", sections 3.3 and 5.1.
    """

    noise: Annotated[float, "standard deviation of what is added to each pixel", AMOUNT] = 0.0
    dropped: Annotated[
        float, "share of pixels that are dropped, the others enlarged to match", FRACTION
    ] = 0.0

    corrupts: ClassVar[bool] = True

    def corrupt(self, image: jax.Array, values: Hyperparameters, key: Key) -> jax.Array:
        """With noise, and with pixels dropped."""
        noise_key, drop_key = jax.random.split(key)
        noisy = image + values["noise"] * jax.random.normal(noise_key, image.shape)
        return dropout(noisy, values["dropped"], drop_key)


@dataclass(frozen=True)
class Sparse(Autoencoder):
    """A wide code, in [0, 1], of which an image uses a few numbers.

    Sources: Ng 2011, "Sparse autoencoder" (CS294A lecture notes), section 3, for the divergence,
    here that of the mean over a batch from the target; Géron, 3rd edition, chapter 17.
    """

    l1: Annotated[float, "weight of the sum of a code's numbers", AMOUNT] = 0.0
    divergence: Annotated[
        float, "weight of the KL divergence from the target activity to that of a batch", AMOUNT
    ] = 0.0
    target: Annotated[
        float, "share of images in which a number is to be active", Range(0, 1, True, True)
    ] = 0.1

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """Numbers from 0 to 1."""
        del values, key
        return jax.nn.sigmoid(outputs)

    def penalty(self, encoded: Encoded, values: Hyperparameters) -> jax.Array:
        """Of the sums of codes, and of how far a batch's activity is from the target."""
        share = encoded.weight / jnp.maximum(jnp.sum(encoded.weight), 1.0)
        active = share @ encoded.code
        divergence = jnp.sum(bernoulli_divergence(values["target"], active))
        return values["l1"] * jnp.sum(encoded.code, axis=1) + values["divergence"] * divergence

    def figures(self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters) -> Metrics:
        """With the mean of a code's numbers, `activity`."""
        code = self.bottleneck(codec.encode(rows["image"]), values, None)
        activity = metrics.mean(jnp.mean(code, axis=1), rows["weight"])
        return super().figures(codec, rows, key, values) | {"activity": activity}


def bernoulli_divergence(p: jax.Array, q: jax.Array) -> jax.Array:
    """KL(p || q) of two coins in nats; `q` is kept 1e-7 from 0 and 1."""
    q = jnp.clip(q, 1e-7, 1 - 1e-7)
    return p * jnp.log(p / q) + (1 - p) * jnp.log((1 - p) / (1 - q))


@dataclass(frozen=True)
class Contractive(Autoencoder):
    """A code that changes little when the image does.

    Source: Rifai et al. 2011, "Contractive auto-encoders", eq. 2 and 3.
    """

    contraction: Annotated[
        float, "weight of the squared Frobenius norm of the code's Jacobian", AMOUNT
    ] = 1e-4

    def penalty(self, encoded: Encoded, values: Hyperparameters) -> jax.Array:
        """The squared norm of the derivative of an image's code with respect to its pixels."""

        def code(image: jax.Array) -> jax.Array:
            return self.bottleneck(encoded.encode(image[None]), values, None)[0]

        def squared_norm(image: jax.Array) -> jax.Array:
            return jnp.sum(jax.jacrev(code)(image) ** 2)

        return values["contraction"] * jax.vmap(squared_norm)(encoded.image)


@dataclass(frozen=True)
class Hashing(Autoencoder):
    """Binary codes: noise before a sigmoid drives its outputs to 0 and 1.

    In evaluation the code is rounded, so that figures are those of the bits.

    Source: Salakhutdinov and Hinton 2009, "Semantic hashing", section 2.
    """

    noise: Annotated[float, "standard deviation of what is added before the sigmoid", POSITIVE] = (
        15.0
    )

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """Noisy shares in training, bits in evaluation."""
        if key is None:
            return (outputs > 0).astype(outputs.dtype)
        noise = values["noise"] * jax.random.normal(key, outputs.shape)
        return jax.nn.sigmoid(outputs + noise)

    def pictures(self, samples: Samples, view: View) -> dict[str, Artifact]:
        """Search by bits."""
        return super().pictures(samples, view) | {
            "search": show_bits(samples, view.encode(samples.image))
        }

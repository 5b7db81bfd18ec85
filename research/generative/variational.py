"""Variational autoencoders: codes are drawn, and the loss is a bound on the likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.generative.autoencoder import Autoencoder, Encoded
from research.generative.codecs import Codec
from research.generative.reconstruction import measure
from research.options.ranges import AMOUNT


@dataclass(frozen=True)
class Variational(Autoencoder):
    """A code is drawn from a normal distribution, of which the encoder gives mean and variance.

    The loss is the negative evidence lower bound over the number of pixels; with `beta` other than
    1, that of a β-VAE.

    Sources: Kingma and Welling 2014 (arXiv 1312.6114), eq. 10; Higgins et al. 2017, "β-VAE", eq. 4.
    """

    draws: ClassVar[bool] = True

    beta: Annotated[float, "weight of the divergence of codes from the prior", AMOUNT] = 1.0

    @property
    def headline(self) -> str:
        """The bound, in nats an image."""
        return "validation/elbo"

    @property
    def outputs(self) -> int:
        """A mean and a log variance for each number of the code."""
        return 2 * self.code_size

    def moments(self, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and log variances of codes, `[batch, code_size]` each."""
        return split(outputs)

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """A draw in training, the mean in evaluation."""
        del values
        mean, log_variance = self.moments(outputs)
        return mean if key is None else draw(mean, log_variance, key)

    def penalty(self, encoded: Encoded, values: Hyperparameters) -> jax.Array:
        """The divergence, for each pixel."""
        pixels = math.prod(encoded.image.shape[1:])
        return values["beta"] * normal_divergence(*self.moments(encoded.outputs)) / pixels

    def draw(self, codec: Codec, label: jax.Array, key: Key) -> jax.Array:
        """From codes of the prior."""
        return codec.decode(jax.random.normal(key, (len(label), self.code_size)))

    def figures(self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters) -> Metrics:
        """With the evidence lower bound of one draw and its divergence, in nats an image."""
        image, weight = rows["image"], rows["weight"]
        outputs = codec.encode(image)
        drawn = measure(image, codec.decode(self.bottleneck(outputs, values, key)))
        error = math.prod(image.shape[1:]) * drawn.bce
        divergence = normal_divergence(*self.moments(outputs))
        return super().figures(codec, rows, key, values) | {
            "elbo": metrics.mean(-error - divergence, weight),
            "divergence": metrics.mean(divergence, weight),
        }


def split(outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Means and log variances `[..., units]`, of outputs `[..., 2 * units]`."""
    mean, log_variance = jnp.split(outputs, 2, axis=-1)
    return mean, log_variance


def draw(mean: jax.Array, log_variance: jax.Array, key: Key) -> jax.Array:
    """A draw from a normal distribution, differentiable in its parameters.

    Source: Kingma and Welling 2014, section 2.4.
    """
    return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)


def normal_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """KL(N(mean, variance) || N(0, 1)) in nats, summed over the last axis.

    Source: Kingma and Welling 2014, appendix B.
    """
    terms = jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance
    return 0.5 * jnp.sum(terms, axis=-1)

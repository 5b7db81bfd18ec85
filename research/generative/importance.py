"""Importance-weighted autoencoders: a tighter bound, and the likelihood itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Self

import jax
import jax.numpy as jnp

from research.data.images import Images
from research.engine import metrics
from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.generative.binarisation import Binarisation, binarised, draw_pixels
from research.generative.codecs import Codec
from research.generative.reconstruction import pixel_cross_entropy
from research.generative.variational import Variational, split
from research.optimization.descent import WeightedLoss
from research.options.ranges import COUNT


@dataclass(frozen=True)
class ImportanceWeighted(Variational):
    """The bound is that of several codes of an image, weighted by how well each explains it.

    With one code it is the plain variational autoencoder. `test/nll` is the negative log
    likelihood in nats an image, by many codes of each.

    Source: Burda et al. 2015 (arXiv 1509.00519), eq. 8.
    """

    binarisation: Annotated[
        Binarisation,
        "how pixels become black or white: drawn anew each time that an image is trained on, drawn "
        "once, or left grey; what is measured is drawn once, or left grey",
    ] = "dynamic"
    importance_samples: Annotated[int, "codes of an image in training", COUNT] = 1
    likelihood_samples: Annotated[int, "codes of an image that test/nll is measured by", COUNT] = (
        5000
    )

    @property
    def headline(self) -> str:
        """Of the likelihood, in nats an image."""
        return "test/nll"

    def smoke(self) -> Self:
        """With few codes of an image."""
        few = min(3, self.importance_samples)
        return replace(super().smoke(), importance_samples=few, likelihood_samples=4)

    def problems(self) -> list[str]:
        """What has no likelihood; a weight of the divergence where there is none in the bound."""
        found = super().problems()
        if self.loss != "bce":
            found.append(f"--loss must be bce, not {self.loss}: a likelihood is measured")
        if self.beta != 1 and self.importance_samples > 1:
            found.append(
                f"--beta must be 1 with --importance-samples {self.importance_samples}, not "
                f"{self.beta:g}: the bound of several codes has no divergence of its own"
            )
        return found

    def images(self) -> Images:
        """Black and white, but for those that are drawn in training."""
        return binarised(super().images(), self.binarisation)

    def describe(self, codec: Codec, image: jax.Array) -> jax.Array:
        """Of pixels that are rounded to black or white where the net has learned from such."""
        if self.binarisation != "none":
            image = jnp.round(image)
        return super().describe(codec, image)

    def objective(
        self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters
    ) -> WeightedLoss:
        """The negative bound over the number of pixels."""
        if self.binarisation == "dynamic":
            pixel_key, key = jax.random.split(key)
            rows = {**rows, "image": draw_pixels(rows["image"], pixel_key)}
        if self.importance_samples == 1:
            return super().objective(codec, rows, key, values)
        pixels = math.prod(rows["image"].shape[1:])
        bound = self.bound(codec, rows["image"], key)
        loss = metrics.mean(-bound / pixels, rows["weight"])
        return WeightedLoss(loss.total, loss.weight, {"loss": loss})

    def figures(self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters) -> Metrics:
        """With `weighted_elbo`, the bound by as many codes as in training, in nats an image."""
        if self.importance_samples == 1:
            return super().figures(codec, rows, key, values)
        one_key, key = jax.random.split(key)
        bound = metrics.mean(self.bound(codec, rows["image"], key), rows["weight"])
        return {**super().figures(codec, rows, one_key, values), "weighted_elbo": bound}

    def final_figures(self, codec: Codec, image: jax.Array, key: Key) -> dict[str, jax.Array]:
        """The likelihood."""
        return {"nll": -log_likelihood(codec, image, self.likelihood_samples, key)}

    def bound(self, codec: Codec, image: jax.Array, key: Key) -> jax.Array:
        """Of the log likelihood of images, by the codes of training: nats, `[batch]`."""
        mean, log_variance = split(codec.encode(image))
        noise = jax.random.normal(key, (self.importance_samples, *mean.shape))
        found = jax.nn.logsumexp(log_weights(codec, image, mean, log_variance, noise), axis=0)
        return found - math.log(self.importance_samples)


def log_weights(
    codec: Codec, image: jax.Array, mean: jax.Array, log_variance: jax.Array, noise: jax.Array
) -> jax.Array:
    """The weights log p(x, h) - log q(h | x) of drawn codes h: nats, `[draws, batch]`.

    Codes are mean + noise · √variance, of which p and q are normal.

    Args:
        codec: decodes them.
        image: of 0 and 1, `[batch, height, width, channels]`.
        mean: of the codes, `[batch, units]`.
        log_variance: likewise.
        noise: standard normal, `[draws, batch, units]`.
    """
    code = mean + jnp.exp(0.5 * log_variance) * noise
    logits = codec.decode(code.reshape(-1, code.shape[-1])).reshape(*code.shape[:2], -1)
    pixels = image.reshape(len(image), -1)
    likelihood = -jnp.sum(pixel_cross_entropy(logits, pixels), axis=-1)
    return likelihood + 0.5 * jnp.sum(noise**2 + log_variance - code**2, axis=-1)


def log_likelihood(codec: Codec, image: jax.Array, draws: int, key: Key) -> jax.Array:
    """An estimate of log p(x) by many codes of each image: nats, `[batch]`; too low on average.

    Codes are drawn one after the other, so that any number of them fits in memory.

    Source: Burda et al. 2015, section 5 (5,000 codes).
    """
    mean, log_variance = split(codec.encode(image))

    def add(turn: jax.Array, total: jax.Array) -> jax.Array:
        noise = jax.random.normal(jax.random.fold_in(key, turn), (1, *mean.shape))
        return jnp.logaddexp(total, log_weights(codec, image, mean, log_variance, noise)[0])

    nothing = jnp.full(len(image), -jnp.inf)
    return jax.lax.fori_loop(0, draws, add, nothing) - math.log(draws)

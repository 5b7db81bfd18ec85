"""How near reconstructions are to images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine import metrics
from research.engine.experiment import Batch
from research.engine.metrics import Metrics


class Reconstruction(NamedTuple):
    """Errors of each image `[batch]`, means over its pixels.

    Attributes:
        bce: binary cross-entropy, nats: -x log y - (1 - x) log(1 - y).
        mse: squared error.
        rounded: share of pixels that are right when image and reconstruction are rounded to 0 or 1.
    """

    bce: jax.Array
    mse: jax.Array
    rounded: jax.Array


@jax.custom_jvp
def pixel_cross_entropy(logits: jax.Array, image: jax.Array) -> jax.Array:
    """-x log y - (1 - x) log(1 - y) of each pixel x and its y = sigmoid(logit), in nats.

    As `optax.sigmoid_binary_cross_entropy`, by one logarithm in place of two and without its tests
    for NaN, in less than half of the time on CPU.
    """
    return jnp.maximum(logits, 0) - logits * image + jnp.log1p(jnp.exp(-jnp.abs(logits)))


@pixel_cross_entropy.defjvp
def _differentiate_cross_entropy(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (logits, image), (of_logits, of_image) = primals, tangents
    change = (jax.nn.sigmoid(logits) - image) * of_logits - logits * of_image
    return pixel_cross_entropy(logits, image), change


def measure(
    image: jax.Array, logits: jax.Array, counted: jax.Array | None = None
) -> Reconstruction:
    """How near reconstructions are to images.

    Args:
        image: float32 `[batch, height, width, channels]` in [0, 1].
        logits: of its pixels, likewise.
        counted: bool likewise, which pixels count; None for all.

    Source: Géron, 2nd edition, chapter 17, for the last.
    """
    # In rows of pixels: where channels are an axis of one number, XLA's loops over pixels are not
    # vectorised on CPU and take five to ten times as long.
    image, logits = image.reshape(len(image), -1), logits.reshape(len(logits), -1)
    where = None if counted is None else counted.reshape(image.shape)
    made, mean = jax.nn.sigmoid(logits), partial(jnp.mean, axis=1, where=where)
    return Reconstruction(
        mean(pixel_cross_entropy(logits, image)),
        mean((made - image) ** 2),
        mean(jnp.round(made) == jnp.round(image)),
    )


def figures_of(errors: Reconstruction, weight: jax.Array) -> Metrics:
    """Means over images."""
    return {
        "bce": metrics.mean(errors.bce, weight),
        "mse": metrics.mean(errors.mse, weight),
        "rounded_accuracy": metrics.mean(errors.rounded, weight),
    }


def mean_over(
    batches: Iterable[Batch], errors: Callable[[np.ndarray], np.ndarray], white: int
) -> float:
    """The mean over the images of a split, on the host.

    Args:
        batches: of the split.
        errors: images float64 in [0, 1] -> an error of each.
        white: the pixel value that becomes 1.
    """
    total, count = 0.0, 0.0
    for batch in batches:
        weight = np.asarray(batch["weight"], np.float64)
        total += float(weight @ errors(np.asarray(batch["image"], np.float64) / white))
        count += float(weight.sum())
    return total / count

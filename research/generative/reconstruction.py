"""How near reconstructions are to images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

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
    made, pixels = jax.nn.sigmoid(logits), tuple(range(1, image.ndim))
    mean = partial(jnp.mean, axis=pixels, where=counted)
    return Reconstruction(
        mean(optax.sigmoid_binary_cross_entropy(logits, image)),
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

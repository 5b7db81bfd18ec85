"""Losses of generative adversarial networks, from logits `[batch]` of true and made images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Key
from research.engine.metrics import Metrics

AdversarialLoss = Literal["non_saturating", "hinge", "least_squares", "wasserstein"]


class Losses(NamedTuple):
    """Both sides of a game; each gives a loss for each image.

    Attributes:
        true: logits of true images -> the discriminator's losses.
        made: logits of made images -> the discriminator's losses.
        generator: logits of made images -> the generator's losses.
        boundary: the discriminator takes an image of a larger logit for true; None of a critic,
            which does not tell which is which.
    """

    true: Callable[[jax.Array], jax.Array]
    made: Callable[[jax.Array], jax.Array]
    generator: Callable[[jax.Array], jax.Array]
    boundary: float | None = 0.0


LOSSES: dict[AdversarialLoss, Losses] = {
    "non_saturating": Losses(
        lambda logits: jax.nn.softplus(-logits),
        jax.nn.softplus,
        lambda logits: jax.nn.softplus(-logits),
    ),
    "hinge": Losses(
        lambda logits: jax.nn.relu(1 - logits),
        lambda logits: jax.nn.relu(1 + logits),
        lambda logits: -logits,
    ),
    "least_squares": Losses(
        lambda logits: (logits - 1) ** 2,
        jnp.square,
        lambda logits: (logits - 1) ** 2,
        boundary=0.5,
    ),
    "wasserstein": Losses(
        lambda logits: -logits, lambda logits: logits, lambda logits: -logits, boundary=None
    ),
}
"""Goodfellow et al. 2014 (arXiv 1406.2661), section 3: G maximises log D(G(z)); Lim and Ye 2017
(arXiv 1705.02894); Mao et al. 2017 (arXiv 1611.04076), eq. 9 with b = c = 1 and a = 0; Arjovsky et
al. 2017 (arXiv 1701.07875), eq. 2."""


def overall(losses: Losses, true: jax.Array, made: jax.Array, weight: jax.Array) -> Metrics:
    """How well a discriminator tells true images from made ones, in one figure.

    Args:
        losses: of both sides.
        true: logits of true images, `[batch]`.
        made: logits of made ones, `[batch]`.
        weight: `[batch]`, 0 for padding.

    Returns:
        `accuracy`; of a critic, `wasserstein_estimate`, how much larger its logits of true images
        are on average (Arjovsky et al. 2017, arXiv 1701.07875, figure 3).
    """
    if losses.boundary is None:
        return {"wasserstein_estimate": metrics.mean(true - made, weight)}
    right = 0.5 * ((true > losses.boundary).astype(jnp.float32) + (made <= losses.boundary))
    return {"accuracy": metrics.mean(right, weight)}


def shares(losses: Losses, true: jax.Array, made: jax.Array, weight: jax.Array) -> Metrics:
    """Of true images, and of made ones, the share that is found; arguments as for `overall`.

    Returns:
        `true_found` and `made_found`; of a critic nothing.
    """
    if losses.boundary is None:
        return {}
    return {
        "true_found": metrics.mean(true > losses.boundary, weight),
        "made_found": metrics.mean(made <= losses.boundary, weight),
    }


def gradient_penalty(
    critic: Callable[[jax.Array], jax.Array], true: jax.Array, made: jax.Array, key: Key
) -> jax.Array:
    """(|∇ critic| - 1)² of an image drawn between each true and made one, `[batch]`.

    Args:
        critic: images `[batch, height, width, channels]` -> logits `[batch]`.
        true: images.
        made: as many.
        key: for where between the two.

    Source: Gulrajani et al. 2017 (arXiv 1704.00028), eq. 3 and algorithm 1.
    """
    share = jax.random.uniform(key, (len(true), 1, 1, 1))
    between = share * true + (1 - share) * made
    # The root's slope at 0 is infinite.
    norms = jnp.sqrt(squared_slopes(critic, between) + 1e-12)
    return (norms - 1.0) ** 2


def squared_slopes(critic: Callable[[jax.Array], jax.Array], image: jax.Array) -> jax.Array:
    """|∇ critic|² at each image, `[batch]`: what R1 adds at true ones, by half its weight.

    Where the critic measures images together, the slope is that of the sum of their logits.

    Source: Mescheder et al. 2018 (arXiv 1801.04406), eq. 9.
    """
    slopes = jax.grad(lambda images: jnp.sum(critic(images)))(image)
    return jnp.sum(slopes**2, axis=(1, 2, 3))

"""Paths from noise to images: x_t = a_t x + s_t e, what is predicted on them, and steps along them.

Images are in [-1, 1], and time goes from 1, where all is noise, to 0. A diffusion is such a path
with a² + s² = 1, a flow one with a + s = 1; a net may predict the noise e, or v = a e - s x, or the
velocity e - x of the flow. From any of these follow both x and e, which is all that a sampler asks.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key

PathName = Literal["linear", "cosine", "straight"]
Target = Literal["noise", "v", "velocity"]


class Place(NamedTuple):
    """A place on a path: how much of the image is left, and how much noise there is.

    Attributes:
        signal: a, float32, broadcastable to images.
        noise: s, likewise.
    """

    signal: jax.Array
    noise: jax.Array


def place_at(path: PathName, time: jax.Array) -> Place:
    """Where a path is at a time in [0, 1].

    `linear` is the limit of many steps of the linear schedule from 1e-4 to .02 over 1,000 steps,
    `cosine` that whose a² falls by a squared cosine, `straight` the line of a flow.

    Sources: Ho et al. 2020 (arXiv 2006.11239), section 4, by Song et al. 2021 (arXiv 2011.13456),
    eq. 33, with β from .1 to 20; Nichol and Dhariwal 2021 (arXiv 2102.09672), eq. 17; Lipman et al.
    2023 (arXiv 2210.02747), eq. 22, with σ = 0.
    """
    match path:
        case "straight":
            return Place(1.0 - time, time)
        case "cosine":
            angle = (time + _OFFSET) / (1.0 + _OFFSET) * jnp.pi / 2
            share = jnp.cos(angle) ** 2 / jnp.cos(_OFFSET / (1.0 + _OFFSET) * jnp.pi / 2) ** 2
            share = jnp.maximum(share, _LEAST)
        case "linear":
            share = jnp.exp(-0.5 * time**2 * (20.0 - 0.1) - time * 0.1)
    return Place(jnp.sqrt(share), jnp.sqrt(1.0 - share))


_OFFSET = 0.008
_LEAST = 1e-4
"""Of a²: an image is found from noise by dividing by a."""


class Parts(NamedTuple):
    """What a place on a path is made of: the image and the noise."""

    image: jax.Array
    noise: jax.Array


def target_of(target: Target, parts: Parts, place: Place) -> jax.Array:
    """What a net is to predict.

    Sources: Ho et al. 2020, eq. 14; Salimans and Ho 2022 (arXiv 2202.00512), section 4; Lipman et
    al. 2023, eq. 23, in this direction of time.
    """
    match target:
        case "noise":
            return parts.noise
        case "v":
            return place.signal * parts.noise - place.noise * parts.image
    return parts.noise - parts.image


def parts_of(target: Target, predicted: jax.Array, mixed: jax.Array, place: Place) -> Parts:
    """The image and the noise that a prediction stands for.

    Args:
        target: what is predicted.
        predicted: by the net.
        mixed: x_t.
        place: where on the path.
    """
    match target:
        case "noise":
            return Parts((mixed - place.noise * predicted) / place.signal, predicted)
        case "v":
            # a² + s² = 1 on the paths of a diffusion; divided by it, the same holds on any.
            size = place.signal**2 + place.noise**2
            return Parts(
                (place.signal * mixed - place.noise * predicted) / size,
                (place.noise * mixed + place.signal * predicted) / size,
            )
    total = place.signal + place.noise
    return Parts(
        (mixed - place.noise * predicted) / total, (mixed + place.signal * predicted) / total
    )


def clipped(parts: Parts, mixed: jax.Array, place: Place) -> Parts:
    """The image cut off at -1 and 1, and the noise that fits it: so errors do not add up.

    Source: Ho et al. 2020, section 3.3 (its code clips so).
    """
    image = jnp.clip(parts.image, -1.0, 1.0)
    return Parts(image, (mixed - place.signal * image) / jnp.maximum(place.noise, 1e-4))


def step_back(
    parts: Parts, mixed: jax.Array, now: Place, then: Place, eta: jax.Array | float, key: Key
) -> jax.Array:
    """One step of a sampler from `now` to `then`, which has less noise.

    Without noise of its own (`eta` 0) it is that of DDIM, and on a straight path Euler's; with
    `eta` 1 it draws from DDPM's posterior.

    Args:
        parts: predicted at `now`.
        mixed: x at `now`; not looked at but for its shape.
        now: the place.
        then: the next place.
        eta: share of the posterior's standard deviation that is drawn.
        key: a fresh key.

    Source: Song et al. 2021 (arXiv 2010.02502), eq. 12 and 16.
    """
    ratio = now.signal / jnp.maximum(then.signal, 1e-12)
    spread = then.noise / jnp.maximum(now.noise, 1e-12)
    deviation = eta * spread * jnp.sqrt(jnp.maximum(0.0, 1.0 - ratio**2))
    kept = jnp.sqrt(jnp.maximum(0.0, then.noise**2 - deviation**2))
    drawn = deviation * jax.random.normal(key, mixed.shape)
    return then.signal * parts.image + kept * parts.noise + drawn

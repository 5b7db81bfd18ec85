"""What commands take of models of images: a `Sampler` draws new ones, a `Reconstructor` given ones.

Both are `Experiment.offers`, "sampler" and "reconstructor".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.data.images import CLASSES, Images
from research.data.own_pictures import TAKES, read_picture
from research.engine.experiment import Key, State
from research.engine.inputs import Source
from research.prediction import Inputs, Outputs, Own, Pictures, Predictor

BLOCK = 250
"""Images that are drawn, or measured, at once."""


class Way(NamedTuple):
    """How a diffusion goes from noise to an image; None as its config says.

    Attributes:
        guidance: how far beyond the prediction without a class.
        steps: on the way.
    """

    guidance: float | None = None
    steps: int | None = None


BY_CLASS = np.repeat(np.arange(CLASSES), 8)
"""Classes of the images that are kept as training goes on: a row of a sheet of each."""
Draw = Callable[[State, jax.Array, Key], jax.Array]
"""(state, classes int32 `[images]`, key) -> images float32 in [0, 1]."""


class Sampler(NamedTuple):
    """Images of a model that no image is given for.

    Attributes:
        draw: how they are drawn on that way.
        classes: the names of classes; of a model that is not given them, empty.
        course: where a way has steps: (state, classes, key) -> the same images at stations of it,
            `[stations, images, height, width, channels]`.
    """

    draw: Callable[[Way], Draw]
    classes: Callable[[], tuple[str, ...]]
    course: Draw | None = None


def offer_sampler(sampler: Sampler, source: Source | None) -> dict[str, Any]:
    """`Experiment.offers` of a generator; one that is measured takes the states of other runs."""
    return {"sampler": sampler if source is None else lambda _: sampler}


class Reconstructor(NamedTuple):
    """What an autoencoder makes of images.

    Attributes:
        apply: (state, images float32 in [0, 1], their classes int32 `[images]`) -> images alike.
        read: a picture file -> `image`, uint8 `[1, height, width, channels]`.
        white: the pixel value that becomes 1.
        classes: the names of classes; of a model that is not given them, empty.
    """

    apply: Callable[[State, jax.Array, jax.Array], jax.Array]
    read: Callable[[str], Own]
    white: int
    classes: Callable[[], tuple[str, ...]]


def offer_reconstructor(
    apply: Callable[[State, jax.Array, jax.Array], jax.Array], images: Images, *, conditional: bool
) -> dict[str, Any]:
    """`Experiment.offers` of an autoencoder of such images.

    Args:
        apply: as `Reconstructor.apply`.
        images: what it has learned from.
        conditional: whether it is given the class of an image. Then it predicts nothing from the
            image alone.
    """

    def read(file: str) -> Own:
        return read_picture(file, images.shape, images.white)

    if conditional:
        return {"reconstructor": Reconstructor(apply, read, images.white, images.classes)}

    def predict(state: State, inputs: Inputs) -> Outputs:
        image = images.scaled(inputs["image"])
        return {"image": apply(state, image, jnp.zeros(image.shape[:1], jnp.int32))}

    predictor = Predictor(
        apply=predict,
        examples={"image": jax.ShapeDtypeStruct((1, *images.shape), jnp.uint8)},
        outputs=Pictures(images.white),
        split=lambda batch: ({"image": batch["image"]}, np.asarray(batch["image"])),
        read=read,
        takes=TAKES,
    )
    return {"reconstructor": Reconstructor(apply, read, images.white, tuple), "predict": predictor}


def draw_all(draw: Draw, state: State, label: np.ndarray, key: Key) -> np.ndarray:
    """Images of any number, drawn a block at a time; the first are the same however many there are.

    Args:
        draw: the model.
        state: of it.
        label: int `[images]`, their classes.
        key: of them all.

    Returns:
        float32 `[images, height, width, channels]`.
    """
    one, blocks = jax.jit(draw), []
    for at in range(0, len(label), BLOCK):
        part = label[at : at + BLOCK]
        padded = np.resize(part, min(BLOCK, len(label)))
        made = one(state, jnp.asarray(padded, jnp.int32), jax.random.fold_in(key, at))
        blocks.append(np.asarray(made)[: len(part)])
    return np.concatenate(blocks)


def in_blocks(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A function of a batch, called with `BLOCK` rows at a time; the last are filled up."""

    def apply(*columns: np.ndarray) -> np.ndarray:
        found, count = [], len(columns[0])
        for at in range(0, count, BLOCK):
            rows = np.minimum(np.arange(at, at + BLOCK), count - 1)
            made = np.asarray(function(*[column[rows] for column in columns]))
            found.append(made[: count - at])
        return np.concatenate(found)

    return apply


def errors_of(
    offer: Reconstructor, state: State, images: np.ndarray, label: np.ndarray
) -> np.ndarray:
    """The squared error of each image's reconstruction, a mean over its pixels.

    Args:
        offer: the autoencoder.
        state: of it.
        images: uint8 `[images, height, width, channels]`.
        label: int `[images]`, their classes.
    """
    apply = jax.jit(partial(offer.apply, state))

    def errors(image: np.ndarray, label: np.ndarray) -> jax.Array:
        scaled = jnp.asarray(image, jnp.float32) / offer.white
        return jnp.mean((apply(scaled, jnp.asarray(label, jnp.int32)) - scaled) ** 2, (1, 2, 3))

    return in_blocks(errors)(images, label)

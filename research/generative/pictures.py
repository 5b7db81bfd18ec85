"""Pictures of an autoencoder for a report: reconstructions, what lies between codes, its codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from research.engine.artifacts import Images

EXAMPLES = 16
"""Images whose reconstructions are drawn."""
PATHS, STATIONS = 4, 9
"""Pairs of images between whose codes one goes, and how many stations a path has."""


class View(NamedTuple):
    """A trained autoencoder as pictures need it, on the host.

    Attributes:
        encode: images in [0, 1] -> codes.
        decode: codes -> images in [0, 1].
        corrupt: images -> what the encoder is given in training.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    corrupt: Callable[[np.ndarray], np.ndarray]


class Samples(NamedTuple):
    """Images of a split on the host, as a report needs them.

    Attributes:
        image: float32 `[images, height, width, channels]` in [0, 1].
        label: int `[images]`.
        classes: names.
    """

    image: np.ndarray
    label: np.ndarray
    classes: tuple[str, ...]


def stack(*rows: np.ndarray) -> np.ndarray:
    """Each image with those of other rows below it, a line of grey between, for one tile."""
    images = [row[..., 0] if row.shape[-1] == 1 else row for row in rows]
    line = np.full((len(images[0]), 1, *images[0].shape[2:]), 0.5, np.float32)
    parts: list[np.ndarray] = []
    for image in images:
        parts += [line, image.astype(np.float32)] if parts else [image.astype(np.float32)]
    return np.concatenate(parts, axis=1)


def beside(images: np.ndarray) -> np.ndarray:
    """Images `[images, height, width, channels]` as one picture, side by side."""
    row = np.concatenate(list(images), axis=1)
    return row[..., 0] if row.shape[-1] == 1 else row


def show_reconstructions(
    title: str, samples: Samples, rows: Sequence[tuple[str, np.ndarray]]
) -> Images:
    """Images and what is made of them, one above the other, with their errors.

    Args:
        title: of the whole.
        samples: the images; the first `EXAMPLES` are drawn.
        rows: (what it is, images), from top to bottom: the images themselves, perhaps what the
            encoder is given, the reconstructions, and those of as many principal components.
    """
    image, label = samples.image[:EXAMPLES], samples.label[:EXAMPLES]
    drawn = [made[:EXAMPLES] for _, made in rows]
    errors = [np.mean((made - image) ** 2, axis=(1, 2, 3)) for made in drawn[-2:]]
    captions = [
        f"{samples.classes[int(label[at])]}: {errors[0][at]:.3f}, PCA {errors[1][at]:.3f}"
        for at in range(len(image))
    ]
    below = ", ".join(name for name, _ in rows)
    note = f"From top to bottom: {below}. Below each, the mean squared errors of the last two."
    return Images(title, stack(*drawn), 0.0, 1.0, tuple(captions), note=note)


def show_paths(samples: Samples, view: View) -> Images:
    """What is decoded on the straight way from one image's code to another's."""
    pairs = samples.image[: 2 * PATHS]
    codes = view.encode(pairs)
    along = np.linspace(0, 1, STATIONS, dtype=np.float32)[:, None]
    paths = [
        view.decode((1 - along) * codes[2 * at] + along * codes[2 * at + 1])
        for at in range(len(pairs) // 2)
    ]
    rows = [beside(path) for path in paths]
    return Images(
        "Between two codes",
        np.stack(rows),
        0.0,
        1.0,
        tuple(
            f"{samples.classes[int(samples.label[2 * at])]} to "
            f"{samples.classes[int(samples.label[2 * at + 1])]}"
            for at in range(len(rows))
        ),
        note="Each row: decoded codes on the straight line between those of two images.",
    )


def show_bits(samples: Samples, bits: np.ndarray, queries: int = 6, found: int = 6) -> Images:
    """The images whose codes differ from that of a given one in the fewest bits.

    Args:
        samples: the images.
        bits: 0 or 1, `[images, units]`.
        queries: images that are looked for, the first.
        found: the nearest ones that are drawn.
    """
    tiles, captions = [], []
    for at in range(queries):
        distance = np.abs(bits - bits[at]).sum(axis=1)
        distance[at] = -1
        order = np.argsort(distance, kind="stable")[: found + 1]
        tiles.append(beside(samples.image[order]))
        right = int(np.sum(samples.label[order[1:]] == samples.label[at]))
        word = "".join(str(int(bit)) for bit in bits[at])
        captions.append(
            f"{samples.classes[int(samples.label[at])]} ({word}): {right} of {found} of its class"
        )
    return Images(
        "Search by code",
        np.stack(tiles),
        0.0,
        1.0,
        tuple(captions),
        note="The first of each row is looked for; then the images whose codes differ in the "
        "fewest bits.",
    )

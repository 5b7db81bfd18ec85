"""Pictures of an autoencoder for a report: reconstructions, what lies between codes, its codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from research.engine.artifacts import Images, Points
from research.engine.experiment import Batch

EXAMPLES = 16
"""Images whose reconstructions are drawn."""
PATHS, STATIONS = 4, 9
"""Pairs of images between whose codes one goes, and how many stations a path has."""
MAPPED = 1000
"""Images whose codes are mapped at most."""


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


def first_images(batches: Iterable[Batch], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images of a split, as they are stored, and their classes; all if there are fewer.

    Args:
        batches: of the split; rows of weight 0 are padding.
        count: images at most.
    """
    images, labels, held = [], [], 0
    for batch in batches:
        true = np.asarray(batch["weight"]) > 0
        images.append(np.asarray(batch["image"])[true])
        labels.append(np.asarray(batch["label"])[true])
        held += len(images[-1])
        if held >= count:
            break
    return np.concatenate(images)[:count], np.concatenate(labels)[:count]


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


def show_paths(samples: Samples, view: View, *, spherical: bool = False) -> Images:
    """What is decoded on the way from one image's code to another's.

    Args:
        samples: the first images are the ends.
        view: the autoencoder.
        spherical: the way along a great circle below the straight one, for codes that are drawn
            from a normal distribution: the middle of the straight way is nearer to 0 than almost
            all that are drawn.
    """
    pairs = samples.image[: 2 * PATHS]
    codes = view.encode(pairs)
    along = np.linspace(0, 1, STATIONS, dtype=np.float32)[:, None]
    rows = []
    for one, other in zip(codes[::2], codes[1::2], strict=True):
        ways = [(1 - along) * one + along * other]
        if spherical:
            ways.append(great_circle(one, other, along))
        rows.append(stack(*(beside(view.decode(way))[None] for way in ways))[0])
    words = [samples.classes[int(label)] for label in samples.label[: 2 * PATHS]]
    note = "Decoded codes on the way between those of two images: "
    note += (
        "above on the straight line, below on a great circle." if spherical else "a straight line."
    )
    captions = [f"{one} to {other}" for one, other in zip(words[::2], words[1::2], strict=True)]
    return Images("Between two codes", np.stack(rows), 0.0, 1.0, tuple(captions), note=note)


def great_circle(one: np.ndarray, other: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Codes on the way that keeps to a sphere, or to one whose radius grows alike.

    Source: Shoemake 1985, "Animating rotation with quaternion curves", section 3.3; White 2016
        (arXiv 1609.04468), section 2.1.

    Args:
        one: `[units]`, where `along` is 0.
        other: `[units]`, where it is 1.
        along: `[stations, 1]`.
    """
    norms = np.linalg.norm(one) * np.linalg.norm(other)
    angle = np.arccos(np.clip(one @ other / max(norms, 1e-12), -1, 1))
    if np.sin(angle) < 1e-4:
        return (1 - along) * one + along * other
    return (np.sin((1 - along) * angle) * one + np.sin(along * angle) * other) / np.sin(angle)


def show_map(samples: Samples, view: View) -> Points:
    """Codes in two dimensions: their first principal components, and by t-SNE.

    Source: van der Maaten and Hinton 2008, "Visualizing data using t-SNE".
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    codes = view.encode(samples.image[:MAPPED]).astype(np.float64)
    perplexity = min(30.0, (len(codes) - 1) / 3)
    # Of so few points, threads that wait for one another take more time than they save.
    with threadpool_limits(1):
        near = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(codes)
        plane = PCA(2, random_state=0).fit_transform(codes)
    return Points(
        "Codes",
        np.stack([plane, near]),
        samples.label[:MAPPED],
        samples.classes,
        ("Two principal components", "t-SNE"),
        note=f"Codes of {len(codes):,} images. In the map by t-SNE only near neighbours mean "
        "something, no distances between groups.",
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

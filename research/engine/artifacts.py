"""Artifacts: what a report shows of a run: pictures, tables, curves, films, sounds, graphs, texts.

Written once, at the end of a complete run, below its `artifacts/`; no part of the run's identity
or of its bits. Each has a `title`, and a `note`, a sentence under it, or "". Nothing here needs
JAX, so that a report is made without it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from research.engine.durable import write_file
from research.errors import Damaged

DIRECTORY = "artifacts"
"""The folder in a run's directory."""


class Images(NamedTuple):
    """Small images, each with words or none.

    Attributes:
        images: `[images, height, width]` or `[images, height, width, 3]`, any numeric dtype.
        low, high: the values of black and of white.
        captions: a line under each image, or empty.
        wrong: whether each image is to be marked as a mistake, or empty.
        signed: draw 0 as neutral, negative and positive in two colours; `low` is then `-high`.
    """

    title: str
    images: np.ndarray
    low: float
    high: float
    captions: tuple[str, ...] = ()
    wrong: tuple[bool, ...] = ()
    signed: bool = False
    note: str = ""


class Confusion(NamedTuple):
    """How often examples of each class were taken for each class.

    Attributes:
        counts: int `[classes, classes]`: true class, predicted class; or the name of the sums of a
            final split that hold them, `test/confusion`, which the page reads where the run has
            recorded them.
        classes: their names.
    """

    title: str
    counts: np.ndarray | str
    classes: tuple[str, ...]
    note: str = ""


class Lines(NamedTuple):
    """Several panels of the same lines over one axis.

    Attributes:
        x: float `[points]`.
        y: float `[panels, lines, points]`; NaN where a line has no value.
        names: of the lines.
        x_label: what `x` counts.
        panels: a title for each panel, or empty.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    x_label: str
    panels: tuple[str, ...] = ()
    note: str = ""


class Histogram(NamedTuple):
    """Values of one or several groups, to be counted in bins.

    Attributes:
        values: float `[groups, values]`; NaN where there is no value.
        names: of the groups.
        x_label: what the values are.
    """

    title: str
    values: np.ndarray
    names: tuple[str, ...]
    x_label: str
    note: str = ""


class Points(NamedTuple):
    """Maps of points, each of a class.

    Attributes:
        places: float `[maps, points, 2]`.
        label: int `[points]`.
        classes: their names.
        panels: a title for each map.
    """

    title: str
    places: np.ndarray
    label: np.ndarray
    classes: tuple[str, ...]
    panels: tuple[str, ...]
    note: str = ""


class Animation(NamedTuple):
    """Frames of few colours.

    Attributes:
        frames: uint8 `[frames, height, width]`, numbers of colours.
        palette: uint8 `[colours, 3]`, red, green and blue.
        seconds: of each frame.
    """

    title: str
    frames: np.ndarray
    palette: np.ndarray
    seconds: float
    note: str = ""


class Passages(NamedTuple):
    """Pieces of text, each line as it stands.

    Attributes:
        texts: the pieces.
        captions: a line above each, or empty.
    """

    title: str
    texts: tuple[str, ...]
    captions: tuple[str, ...] = ()
    note: str = ""


class Sound(NamedTuple):
    """A sound of one channel.

    Attributes:
        samples: int16 `[samples]`.
        rate: samples a second.
    """

    title: str
    samples: np.ndarray
    rate: int
    note: str = ""


class Graph(NamedTuple):
    """Steps and what each is made from, without cycles: 200 steps at most.

    Attributes:
        texts: of each node, lines of text: the first is what it computes, the others its figures.
        edges: int `[edges, 2]`, numbers of nodes: from, to.
    """

    title: str
    texts: tuple[str, ...]
    edges: np.ndarray
    note: str = ""


def as_images(values: np.ndarray, title: str) -> Images:
    """One picture, or several of one size, from bare pixels.

    Args:
        values: uint8 from 0 to 255, or floats from 0 to 1, what lies outside being cut off and
            NaN black: `[height, width]`, `[height, width, channels]`, `[pictures, height, width]`
            or `[pictures, height, width, channels]`, with 1 or 3 channels. In three axes the last
            are channels where there are 1 or 3 of them.
        title: what they are.

    Raises:
        ValueError: it is none of these.
    """
    whole = values.dtype == np.uint8 or values.dtype.kind == "f"
    if not whole or not 2 <= values.ndim <= 4 or not values.size:
        raise ValueError(
            f"{values.dtype} {list(values.shape)} is no picture: that is uint8 or float32, "
            "[height, width], [height, width, channels], [pictures, height, width] or "
            "[pictures, height, width, channels]"
        )
    if values.dtype != np.uint8:
        values = grey_levels(values, 0.0, 1.0)
    one = values.ndim == 2 or (values.ndim == 3 and values.shape[-1] in (1, 3))
    images = values[None] if one else values
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    return check(Images(title, images, 0.0, 255.0))


def grey_levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values from `low` to `high` as uint8 from 0 to 255; NaN is `low`, others are cut off."""
    share = (np.nan_to_num(values.astype(np.float64), nan=low) - low) / ((high - low) or 1.0)
    return np.rint(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)


def check(artifact: Images) -> Images:
    """The same images.

    Raises:
        ValueError: their array has not the axes of images.
    """
    shape = artifact.images.shape
    if len(shape) != 3 and not (len(shape) == 4 and shape[-1] == 3):
        raise ValueError(
            f"{artifact.images.dtype} {list(shape)} are no images: these are "
            "[images, height, width] or [images, height, width, 3]"
        )
    return artifact


Artifact: TypeAlias = (
    Images | Confusion | Lines | Histogram | Points | Animation | Passages | Sound | Graph
)
KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Images, Confusion, Lines, Histogram, Points, Animation, Passages, Sound, Graph)
}
_NAME = re.compile(r"[a-z0-9_]+")
_WORDS = "words"


def write(directory: Path, artifacts: Mapping[str, Artifact]) -> None:
    """Keep artifacts as `<name>.npz`, losslessly; others that lie there are removed.

    Names are `[a-z0-9_]+`, in the order of the page.

    Raises:
        ValueError: a name is not such a name.
    """
    directory.mkdir(exist_ok=True)
    for order, (name, artifact) in enumerate(artifacts.items()):
        if not _NAME.fullmatch(name):
            raise ValueError(f"an artifact's name is of a-z, 0-9 and _, not {name!r}")
        write_file(directory / f"{name}.npz", spell(artifact, order))
    for path in directory.glob("*.npz"):
        if path.stem not in artifacts:
            path.unlink()


def read(directory: Path) -> tuple[dict[str, Artifact], list[str]]:
    """The artifacts in a folder, in their order, and a sentence on each that cannot be read.

    A missing folder holds none. Never raises for what lies there.
    """
    found: list[tuple[int, str, Artifact]] = []
    problems = []
    for path in sorted(directory.glob("*.npz")) if directory.is_dir() else ():
        try:
            order, artifact = parse(path.read_bytes())
        except (Damaged, OSError) as error:
            problems.append(f"artifacts/{path.name} cannot be read: {error}")
            continue
        found.append((order, path.stem, artifact))
    return {name: artifact for _, name, artifact in sorted(found, key=lambda f: f[:2])}, problems


def spell(artifact: Artifact, order: int = 0) -> bytes:
    """An artifact as the bytes of an npz file; the same artifact always gives the same bytes."""
    fields = artifact._asdict()
    arrays: dict[str, np.ndarray] = {
        name: value for name, value in fields.items() if isinstance(value, np.ndarray)
    }
    words = {name: value for name, value in fields.items() if name not in arrays}
    line = json.dumps({"kind": type(artifact).__name__, "order": order, "fields": words})
    file = io.BytesIO()
    arrays[_WORDS] = np.frombuffer(line.encode(), np.uint8)
    if objects := [name for name, array in arrays.items() if array.dtype == object]:
        raise ValueError(f"{', '.join(objects)} of {artifact.title!r} holds objects, not numbers")
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def parse(content: bytes) -> tuple[int, Artifact]:
    """Order and artifact from what `spell` gave.

    Raises:
        Damaged: it is something else.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        line = json.loads(arrays.pop(_WORDS).tobytes())
        words = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in line["fields"].items()
        }
        return int(line["order"]), KINDS[line["kind"]](**words, **arrays)
    except Exception as error:
        # What a damaged file makes its reader raise is nobody's promise.
        raise Damaged(f"it is not what was written ({type(error).__name__})") from error

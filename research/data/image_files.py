"""Images of a data set written into files, and read from these: the same images, by another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from research.data.columns import Columns, Form
from research.data.file_sets.written import Written
from research.data.formats.csv_files import CSV
from research.data.formats.format import Format
from research.data.formats.kinds import Damage
from research.data.formats.tfrecord import TFRecord
from research.data.images import Images
from research.data.order import shuffled_rows
from research.data.sources.mapped import Mapped

LABEL = Form(np.dtype(np.int64), ())


class Way(NamedTuple):
    """How images and labels lie in files.

    Attributes:
        format: of the files, each column named.
        pack: what is done to columns before they are written; None for nothing.
        packs: that in a few words.
        unpack: what is done to the columns of the files, so that there is `image` and `label`.
        unpacks: likewise.
    """

    format: Format
    pack: Callable[[Columns], Columns] | None = None
    packs: str = ""
    unpack: Callable[[Columns], Columns] | None = None
    unpacks: str = ""


def in_files(
    images: Images,
    way: Way,
    folder: str,
    shards: Mapping[str, int],
    batch_size: int,
    damaged: Damage,
) -> Images:
    """The same images, from files that are written on first use.

    Args:
        images: from a prepared data set.
        way: how they lie in files.
        folder: below the cache's `written/`.
        shards: split -> files.
        batch_size: images in one update.
        damaged: what to do about records that cannot be read.
    """
    names, splits = images.classes(), {}
    for name, source in images.data.splits.items():
        packed = Mapped(source, way.pack, way.packs) if way.pack else source
        place = f"{folder}/{name}"
        classes = ("label", len(names))
        files = Written(packed, way.format, place, shards[name], damaged, classes)
        splits[name] = Mapped(files, way.unpack, way.unpacks) if way.unpack else files
    examples = len(splits["train"])
    data = images.data._replace(splits=splits, rows=shuffled_rows(examples, batch_size))
    return images._replace(data=data, examples=examples, names=names)


def as_tfrecord(shape: tuple[int, int, int]) -> Way:
    """An example holds the pixels as bytes, and the label."""
    return Way(TFRecord({"image": Form(np.dtype(np.uint8), shape), "label": LABEL}))


def as_csv(shape: tuple[int, int, int]) -> Way:
    """A row holds a number for each pixel, `pixel_0_0`, `pixel_0_1`, ..., and the label."""
    height, width, channels = shape
    if channels != 1:
        raise ValueError(f"images have {channels} channels; a column for each pixel holds one")
    pixels = tuple(f"pixel_{row}_{column}" for row in range(height) for column in range(width))
    columns = {name: Form(np.dtype(np.uint8), ()) for name in pixels}
    return Way(
        CSV({**columns, "label": LABEL}),
        partial(_spread_pixels, pixels),
        "a column for each pixel",
        partial(_join_pixels, pixels, shape),
        "as images",
    )


def _spread_pixels(names: tuple[str, ...], columns: Columns) -> Columns:
    flat = columns["image"].reshape(len(columns["image"]), -1)
    return {**dict(zip(names, flat.T, strict=True)), "label": columns["label"]}


def _join_pixels(names: tuple[str, ...], shape: tuple[int, ...], columns: Columns) -> Columns:
    image = np.stack([columns[name] for name in names], axis=1).reshape(-1, *shape)
    return {"image": image, "label": columns["label"]}


def as_records(format: Format) -> Way:
    """Records of one length, in which a label is a byte."""
    return Way(format, _shorten_label, "labels as bytes")


def _shorten_label(columns: Columns) -> Columns:
    return {**columns, "label": columns["label"].astype(np.uint8)}

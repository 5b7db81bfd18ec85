"""A prepared data set of pictures as a folder with a folder for each class: files as they came."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from research.data.bar import Bar
from research.data.prepared import Slice, locate, tfds_module
from research.data.storage import exclusive, publish, workshop
from research.data.tfds_split import TfdsSplit
from research.errors import Mistake
from research.places import cache_directory

_PART = 64
_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp"}
"""First two bytes -> what such a file's name ends with."""


def write_folder(source: TfdsSplit, folder: str) -> Path:
    """The pictures of a split as files `CLASS/NUMBER.jpg`, written on first use: all or nothing.

    A file has the bytes that the data set keeps, so nothing is decoded or lost.

    Args:
        source: with `image` and `label`, whose classes have names.
        folder: below the cache's `written/`, of this split alone.

    Returns:
        The folder.

    Raises:
        Mistake: the data set is not prepared, or the cache cannot be written.
    """
    place = cache_directory() / "written" / folder
    if place.is_dir():
        return place
    try:
        with exclusive(place.with_suffix(".lock")):
            # Another process may have written it while this one waited.
            if not place.is_dir():
                with workshop(place.parent) as made:
                    _write(source, made / "content")
                    publish(made / "content", place)
    except OSError as error:
        raise Mistake(
            f"{place} cannot be written ({error.strerror}). Name a folder with room in "
            "ENCORE_CACHE_DIR."
        ) from error
    return place


def _write(source: TfdsSplit, above: Path) -> None:
    names = [re.sub(r"[^\w-]", "_", name) for name in source.class_names("label")]
    for name in names:
        (above / name).mkdir(parents=True)
    number, count = 0, len(source)
    with Bar() as tell:
        for part in locate(source.dataset).slices(source.split):
            for image, label in _encoded(source.dataset, part):
                path = above / names[label] / f"{number:06}{_SUFFIXES.get(image[:2], '')}"
                path.write_bytes(image)
                number += 1
                tell(f"writing {above.parent.parent.name}", number, count)


def _encoded(dataset: str, part: Slice) -> Any:
    """(content of the file, label) of each picture of a slice."""
    decoders = {"image": tfds_module().decode.SkipDecoding()}
    found = locate(dataset).builder.as_data_source(split=part.split, decoders=decoders)
    for start in range(part.start, part.stop, _PART):
        rows = np.arange(start, min(start + _PART, part.stop)).tolist()
        for example in found.__getitems__(rows):
            yield example["image"], int(example["label"])

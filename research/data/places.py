"""Where data lies that tfds prepares."""

from __future__ import annotations

import os
from pathlib import Path

from research.errors import Mistake
from research.places import at_home, cache_directory


def tfds_directory() -> Path:
    """Where tfds keeps prepared data: `TFDS_DATA_DIR`, or `~/tensorflow_datasets` as tfds has it.

    A relative path is taken from the working directory.

    Raises:
        Mistake: it is in a home folder, and which that is cannot be known.
    """
    named = os.environ.get("TFDS_DATA_DIR")
    return at_home(Path(named or "~/tensorflow_datasets"), "TFDS_DATA_DIR").absolute()


def data_directories() -> dict[str, Path]:
    """Where prepared data sets are looked for, in order, by the variable that names the place.

    A home folder that is not known holds none.
    """
    embedded = {"the cache, ENCORE_CACHE_DIR": embedded_directory()}
    try:
        return {"TFDS_DATA_DIR": tfds_directory(), **embedded}
    except Mistake:
        return embedded


def embedded_directory() -> Path:
    """Where data sets are prepared that come with an installed package.

    Not in `TFDS_DATA_DIR`: first use should write nothing where a person keeps data, and that
    place is often shared and read-only. What lies there is still found first.
    """
    return cache_directory() / "tfds"

"""Where data lies that tfds prepares."""

from __future__ import annotations

import os
from pathlib import Path

from research.places import cache_directory


def tfds_directory() -> Path:
    """Where tfds keeps prepared data: `TFDS_DATA_DIR`, or `~/tensorflow_datasets` as tfds has it.

    A relative path is taken from the working directory.
    """
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser().absolute()


def embedded_directory() -> Path:
    """Where data sets are prepared that come with an installed package.

    Not in `TFDS_DATA_DIR`: first use should write nothing where a person keeps data, and that
    place is often shared and read-only. What lies there is still found first.
    """
    return cache_directory() / "tfds"

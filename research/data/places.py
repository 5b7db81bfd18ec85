"""Where data lies: prepared by tfds, and decoded by Encore."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def tfds_directory() -> Path:
    """Where tfds keeps prepared data: `TFDS_DATA_DIR`, or `~/tensorflow_datasets` as tfds has it.

    A relative path is taken from the working directory.
    """
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser().absolute()


def cache_directory() -> Path:
    """Where Encore keeps what it can make again: `ENCORE_CACHE_DIR`, or the platform's place."""
    if named := os.environ.get("ENCORE_CACHE_DIR"):
        return Path(named).expanduser().absolute()
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named).expanduser().absolute() / "encore"
    above = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(above).expanduser() / "encore"


def embedded_directory() -> Path:
    """Where data sets are prepared that come with an installed package.

    Not in `TFDS_DATA_DIR`: first use should write nothing where a person keeps data, and that
    place is often shared and read-only. What lies there is still found first.
    """
    return cache_directory() / "tfds"

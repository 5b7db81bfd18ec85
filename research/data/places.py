"""Where data lies: prepared by tfds, and decoded by Encore."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from research.errors import Mistake


def tfds_directory() -> Path:
    """Where tfds keeps prepared data: `TFDS_DATA_DIR`, or `~/tensorflow_datasets` as tfds has it.

    A relative path is taken from the working directory.

    Raises:
        Mistake: it is in a home folder, and which that is cannot be known.
    """
    named = os.environ.get("TFDS_DATA_DIR")
    return _at_home(Path(named or "~/tensorflow_datasets"), "TFDS_DATA_DIR").absolute()


def cache_directory() -> Path:
    """Where Encore keeps what it can make again: `ENCORE_CACHE_DIR`, or the platform's place.

    Raises:
        Mistake: it is in a home folder, and which that is cannot be known.
    """
    variable = "ENCORE_CACHE_DIR"
    if named := os.environ.get(variable):
        return _at_home(Path(named), variable).absolute()
    if named := os.environ.get("XDG_CACHE_HOME"):
        return _at_home(Path(named), variable).absolute() / "encore"
    above = Path("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return _at_home(above, variable) / "encore"


def data_directories() -> dict[str, Path]:
    """Where prepared data sets are looked for, in order, by the variable that names the place.

    A home folder that is not known holds none.
    """
    embedded = {"the cache, ENCORE_CACHE_DIR": embedded_directory()}
    try:
        return {"TFDS_DATA_DIR": tfds_directory(), **embedded}
    except Mistake:
        return embedded


def _at_home(path: Path, variable: str) -> Path:
    """The path with `~` replaced.

    Raises:
        Mistake: in a container HOME may not be set, and the user may have no entry.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise Mistake(
            f"{path}: there is no such home folder (HOME is {os.environ.get('HOME', 'not set')}, "
            f"the user is number {os.getuid()}): set {variable} to a folder, or set HOME"
        ) from None


def embedded_directory() -> Path:
    """Where data sets are prepared that come with an installed package.

    Not in `TFDS_DATA_DIR`: first use should write nothing where a person keeps data, and that
    place is often shared and read-only. What lies there is still found first.
    """
    return cache_directory() / "tfds"

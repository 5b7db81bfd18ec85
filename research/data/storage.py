"""Data on disk: where it lies, and how it gets there: whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from research.engine.durable import sync_directory, sync_tree
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


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; wait for whoever holds it. A dead owner's lock is free.

    Raises:
        OSError: if the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def workshop(above: Path) -> Iterator[Path]:
    """A directory under `above` to make something in; removed at the end.

    Raises:
        OSError: if it cannot be made.
    """
    above.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".partial-", dir=above))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def publish(made: Path, path: Path) -> None:
    """Put the directory `made` in the place of `path`: all of it, durable, or nothing.

    What was there is set aside beside `made`. The caller holds a lock.

    Raises:
        OSError: if it cannot be done; `path` is then as it was.
    """
    sync_tree(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(made.with_name("replaced"))
    made.rename(path)
    sync_directory(path.parent)

"""Files that two processes may write at once, and that are whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from research.engine.durable import sync_directory, sync_tree


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

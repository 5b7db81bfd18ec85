"""Files that two processes may write at once, and that are whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


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


def replace_file(path: Path, content: str) -> None:
    """Write `content` to `path`: whole and durable, or not at all.

    Raises:
        OSError: if it cannot be written; `path` is then as it was.
    """
    handle, temporary = tempfile.mkstemp(prefix=".partial-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """A directory to fill, which takes the place of `path` at the end: all of it, or nothing.

    What is there is set aside and removed. The caller holds a lock.

    Raises:
        OSError: if it cannot be written; `path` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
    try:
        filled = workshop / "new"
        filled.mkdir()
        yield filled
        for file in filled.rglob("*"):
            _sync(file)
        _sync(filled)
        if path.exists():
            path.rename(workshop / "old")
        filled.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

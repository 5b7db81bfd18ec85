"""Files that are either there whole or not at all, whatever happens to the process."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of an `OSError` that mean: there is no room."""


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Put the file's name into an `OSError` that has none, as those of writing and of Orbax."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file so that after a crash either the old or the new content is there, whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    data = content.encode() if isinstance(content, str) else content
    try:
        with named(path), part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with named(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_directory = sync_file


def sync_tree(directory: Path) -> None:
    """Make everything below a directory durable, the directories' entries included."""
    for parent, _, files in os.walk(directory):
        for name in files:
            sync_file(Path(parent, name))
        sync_directory(Path(parent))


def remove_tree(directory: Path) -> None:
    """Remove a directory and all below it; that somebody else removes it too is no error."""

    def tell(_: Any, path: str, error: Any) -> None:
        if not isinstance(error[1], FileNotFoundError):
            raise error[1]

    shutil.rmtree(directory, onerror=tell)


def file_digests(directory: Path, leave_out: str) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below a directory, but for one name."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != leave_out
    }


def changed_files(recorded: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Sentences that name each file that is missing, changed or extra."""
    missing = [f"{name} is missing" for name in recorded if name not in found]
    changed = [
        f"{name} has changed"
        for name, digest in recorded.items()
        if found.get(name, digest) != digest
    ]
    extra = [f"{name} does not belong there" for name in found if name not in recorded]
    return missing + changed + extra

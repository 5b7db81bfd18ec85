"""One process at a time in a run's directory."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from research.engine.durable import named
from research.errors import Mistake

_ATTEMPTS = 4
_LOOKING_SECONDS = 0.03


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold a run's directory for this process.

    The kernel drops the lock when its owner dies, however it dies, so that a dead owner's lock
    needs no guessing to be taken over. The file says who holds it, for people.

    Raises:
        Mistake: another living process holds it, or has just moved it aside.
    """
    path = directory / "lock"
    # Unbuffered: what a full disk refuses would be written, and refused, again at the end.
    with path.open("a+b", buffering=0) as file:
        if not _take(file):
            raise Mistake(
                f"{owner(directory)} is at work in {directory}; wait for it, or stop it, "
                "then try again"
            )
        if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            # Between opening and locking, a restart moved the directory, and the file with it.
            raise Mistake(f"{directory} was moved aside by another process; try again")
        with named(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield


def _take(file: IO[Any]) -> bool:
    """Whether the lock could be taken; `is_held`, which looks for an instant, is waited for."""
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt < _ATTEMPTS - 1:
                time.sleep(_LOOKING_SECONDS)
        else:
            return True
    return False


def is_held(directory: Path) -> bool:
    """Whether a living process holds the directory."""
    path = directory / "lock"
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def owner(directory: Path) -> str:
    """Who last held the directory, for people: `process 123 on host`."""
    try:
        return (directory / "lock").read_text().strip() or "another process"
    except OSError:
        return "another process"

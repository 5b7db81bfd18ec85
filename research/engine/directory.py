"""A run's directory: the names in it, and the lock that lets one process work in it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from research.engine.durable import named
from research.errors import Damaged, Mistake, Stopped

CONFIG_FILE = "config.json"
LEDGER_FILE = "ledger.jsonl"
"""What makes a directory a run."""
METRICS_FILE = "metrics.jsonl"
RESULT_FILE = "result.json"
CHECKPOINTS = "checkpoints"
GLIMPSES = "glimpses"
"""`<step>.txt` for a text, `<step>.npz` for an artifact."""
NONFINITE = "nonfinite"
"""One folder for each step whose metrics were not finite."""


class Directories(NamedTuple):
    """The places in a run's directory."""

    run: Path

    @property
    def checkpoints(self) -> Path:
        """One folder a step."""
        return self.run / CHECKPOINTS

    @property
    def ledger(self) -> Path:
        """The chain."""
        return self.run / LEDGER_FILE

    @property
    def metrics(self) -> Path:
        """One line a report."""
        return self.run / METRICS_FILE

    def input(self, name: str) -> Path:
        """A copy of a state of another run, by the name under which the run is given it."""
        return self.run / name if name == "initial" else self.run / "inputs" / name

    @property
    def glimpses(self) -> Path:
        """One file for each glimpse that is kept."""
        return self.run / GLIMPSES

    @property
    def result(self) -> Path:
        """The figures of the run, whole or so far."""
        return self.run / RESULT_FILE


_ATTEMPTS = 4
_LOOKING_SECONDS = 0.03


class Held(NamedTuple):
    """A directory that this process holds, wherever it is moved to.

    `directory` is where it lay when it was taken.
    """

    directory: Path
    descriptor: int

    def check(self) -> None:
        """Make sure that it is still there.

        Raises:
            Stopped: it was moved; the run in it goes on from where it now is.
            Damaged: it was deleted.
        """
        try:
            if os.path.samestat(os.fstat(self.descriptor), self.directory.stat()):
                return
        except FileNotFoundError:
            pass
        # What was under way has made folders there once more; they would look like a run.
        for place, _, _ in os.walk(self.directory, topdown=False):
            with suppress(OSError):
                Path(place).rmdir()
        now = _place(self.descriptor)
        if now is None:
            raise Damaged(
                f"{self.directory} was deleted while a process was at work in it, and what was "
                "saved there with it; the same command starts anew"
            )
        raise Stopped(
            f"{self.directory} was moved while a process was at work in it"
            + (f": what was saved lies in {now}" if now else "")
            + f"; `python launch.py resume {now or 'DIRECTORY'}` goes on"
        )


def _place(descriptor: int) -> str | None:
    """Where an open directory now lies; "" where the system does not say, None where it is gone."""
    if os.fstat(descriptor).st_nlink == 0:
        return None
    try:
        found = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""
    return None if found.endswith(" (deleted)") else found


@contextmanager
def hold(directory: Path) -> Iterator[Held]:
    """Hold a run's directory for this process.

    An error because the directory was moved or deleted meanwhile becomes that of `Held.check`. The
    kernel drops the lock when its owner dies, however it dies. The file names its holder.

    Raises:
        Mistake: another living process holds it, or has just moved it aside.
        Stopped, Damaged: as `Held.check` has it.
    """
    path = directory / "lock"
    with _unmoved(directory):
        # Unbuffered: what a full disk refuses would be written, and refused, again at the end.
        opened = path.open("a+b", buffering=0)
    with opened as file:
        if not _take(file):
            raise Mistake(
                f"{owner(directory)} is at work in {directory}; wait for it, or stop it, "
                "then try again"
            )
        with _unmoved(directory):
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise FileNotFoundError
            held = Held(directory, os.open(directory, os.O_RDONLY))
        with named(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        try:
            yield held
        except Exception as error:
            held.check()
            lost = Path(getattr(error, "filename", None) or "")
            # Orbax is given whole paths, whatever the directory's was.
            within = lost.absolute().is_relative_to(directory.absolute())
            # Making a folder that is there says that it exists, should it just then be deleted.
            gone = isinstance(error, FileExistsError) and not lost.exists()
            if within and (gone or isinstance(error, FileNotFoundError)):
                raise Damaged(
                    f"{lost} was deleted while a process was at work in {directory}; the same "
                    "command goes on from what is left"
                ) from None
            raise
        finally:
            os.close(held.descriptor)


@contextmanager
def _unmoved(directory: Path) -> Iterator[None]:
    """Before it is held, a restart may move the directory, and all that is in it."""
    try:
        yield
    except FileNotFoundError:
        raise Mistake(f"{directory} was moved aside by another process; try again") from None


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
    try:
        file = (directory / "lock").open("rb")
    except OSError:  # never held, or held by somebody whose file this user may not read
        return False
    with file:
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

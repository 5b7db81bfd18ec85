"""Standard output and error: a write that fails ends no work, whoever has stopped reading."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

from research.errors import EncoreError


class ReaderLeft(BrokenPipeError):
    """Who read the output has left (`list | head`): the command ends without a message."""


class OutputLost(EncoreError):
    """What a command was to print could not be written."""


class _Output(io.FileIO):
    """A standard stream. When it cannot be written, the rest goes nowhere.

    Attributes:
        needed: whether that ends the command: where what is printed is all that it does.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.needed = False

    def write(self, data: object, /) -> int:
        """Write a part of `data`, or lose all of it."""
        try:
            while (written := super().write(data)) is None:  # type: ignore[arg-type]
                select.select((), (self,), ())  # somebody has made it non-blocking
            return written
        except OSError as error:
            _to_nowhere(self.fileno())
            if self.needed and isinstance(error, BrokenPipeError):
                raise ReaderLeft(*error.args) from None
            if self.needed:
                raise OutputLost(f"the output cannot be written: {error.strerror}") from None
            if self is _raw(sys.stdout):
                why = "nobody reads it" if isinstance(error, BrokenPipeError) else error.strerror
                print(f"note: standard output is lost ({why}); going on", file=sys.stderr)
            return memoryview(data).nbytes  # type: ignore[arg-type]


def settle_streams() -> None:
    """Make both streams of this process such that no text and no reader can fail it.

    A closed stream is opened to nowhere: a file opened next would have its number, and get its
    text. What the stream's encoding cannot spell is spelled with a backslash.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(
            io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8"
        )
    sys.stdout = _open(1, sys.stdout)
    sys.stderr = _open(2, sys.stderr)


def need_reader(needed: bool) -> None:
    """Whether losing standard output ends the command."""
    raw = _raw(sys.stdout)
    if raw is not None:
        raw.needed = needed


def keep_output_to_ourselves() -> None:
    """Let only Python write to standard output: Gloo says there that it is connected."""
    sys.stdout.flush()
    own = os.dup(1)
    _to_nowhere(1)
    sys.stdout = _open(own, sys.stdout)


def _open(descriptor: int, before: TextIO | None) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(descriptor)),
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=descriptor == 2 or os.isatty(descriptor),
    )


def _raw(stream: TextIO) -> _Output | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Output) else None


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)

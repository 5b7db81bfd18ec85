"""A worker process: reads examples for the run that started it, and ends when that run does.

    python -m research.data.worker_process CHANNEL MEMORY

Both are numbers of open files: a socket for requests and answers, and memory without a name that
both processes map, where the examples are put. Standard input is a pipe to the run: it ends when
the run does, however that comes about.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from research.errors import Mistake

if TYPE_CHECKING:
    import numpy as np

    from research.data.reading import Examples, Reader

ALIGNMENT = 64
"""Bytes; each column begins at a multiple of it."""
_STEP = 2**16
"""Bytes by a multiple of which the shared memory grows."""


def serve(channel: int, memory: int) -> None:
    """Answer requests until the run closes the channel.

    A request is `(number, pickled source or None, rows, one by one)`. An answer is `("row", row)`
    before each row that is read by itself, then `("examples", forms, bytes, read, mapped)` or
    `("error", exception)`; `forms` are `(column, dtype, shape, offset)`.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # The run answers them, and lets this process go.
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    connection = Connection(channel)
    readers: dict[int, Reader] = {}
    shared: Any = None
    answer: tuple[Any, ...]
    while True:
        try:
            number, pickled, rows, singly = connection.recv()
        except EOFError:
            return
        try:
            if pickled is not None:
                readers[number] = _unpickle(pickled)
            examples = _read(readers[number], rows, connection if singly else None)
            forms, size = _lay_out(examples)
            if shared is None or len(shared) < size:
                os.ftruncate(memory, -(-size // _STEP) * _STEP)
                shared = mmap.mmap(memory, 0)
            _write(examples, forms, shared)
            answer = ("examples", forms, size, examples.read, examples.mapped)
            del examples
        except Exception as error:
            answer = ("error", _sendable(error))
        connection.send(answer)


def _end_with_the_run() -> None:
    os.read(0, 1)
    os._exit(0)


def _unpickle(pickled: bytes) -> Reader:
    from research.data.reading import Reader

    try:
        return Reader(pickle.loads(pickled))
    except (ImportError, AttributeError) as error:
        raise Mistake(
            f"a worker process cannot make what it is to read ({error}): classes and functions of "
            "it must stand in modules that are imported by name, not in the program that is run; "
            "or choose --worker-kind threads"
        ) from error


def _read(reader: Reader, rows: np.ndarray, progress: Connection | None) -> Examples:
    from research.data.columns import join
    from research.data.reading import Examples

    if progress is None:
        return reader.read(rows)
    parts = []
    for place, row in enumerate(rows.tolist()):
        progress.send(("row", row))
        parts.append(reader.read(rows[place : place + 1]))
    return Examples(
        join([part.columns for part in parts]),
        sum(part.read for part in parts),
        sum(part.mapped for part in parts),
    )


def _lay_out(examples: Examples) -> tuple[list[tuple[str, Any, tuple[int, ...], int]], int]:
    """The columns' names, dtypes, shapes and offsets, and the bytes that they take."""
    forms, size = [], 0
    for name, column in examples.columns.items():
        forms.append((name, column.dtype, column.shape, size))
        size += -(-max(1, column.nbytes) // ALIGNMENT) * ALIGNMENT
    return forms, size


def _write(examples: Examples, forms: list[Any], shared: Any) -> None:
    import numpy as np

    for name, dtype, shape, offset in forms:
        np.ndarray(shape, dtype, shared, offset)[...] = examples.columns[name]


def _sendable(error: Exception) -> Exception:
    """The exception with its traceback as a note; another in its place if it cannot be sent."""
    note = "".join(traceback.format_exception(error)).rstrip()
    try:
        sent: Exception = pickle.loads(pickle.dumps(error))
    except Exception:
        sent = RuntimeError(f"{type(error).__name__}: {error}")
    sent.add_note(f"in a worker process:\n{note}")
    return sent


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))

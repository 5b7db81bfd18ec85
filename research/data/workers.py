"""Worker processes that read examples, for functions on the host that hold the interpreter.

Each shares memory without a name with the run, so that nothing is left behind however either ends.
"""

from __future__ import annotations

import functools
import io
import mmap
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from research.data.reading import Examples, Read
from research.engine.experiment import Source
from research.errors import Mistake, Stopped

ATTEMPTS = 3
"""Deaths of workers over the same rows, after which the run ends."""
_LOOK_SECONDS = 1.0
"""How often it is looked whether a worker that does not answer still lives."""
_FLAGS = ("-P", *(("-X", "utf8") if sys.flags.utf8_mode else ()))
"""Of the interpreter: modules come from the paths of this one alone, texts are spelled alike."""


class WorkerProcesses:
    """Up to `count` processes, started as they are needed, that read any number of sources.

    One that dies is replaced, and its rows are read again: what an example is follows from its row
    alone. The last attempt reads them one by one, to know which it is that cannot be read.
    """

    def __init__(self, count: int) -> None:
        self._idle: queue.LifoQueue[_Slot] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(_Slot())
        self._started: set[_Worker] = set()
        self._lock = threading.Lock()
        self._sources = 0
        self._end = weakref.finalize(self, _end_all, self._started)

    def of(self, source: Source) -> Read:
        """As `Readers.of`.

        Raises:
            Mistake: the source cannot be sent to another process.
        """
        sent = _Sent(self._sources, source.name, _pickle(source))
        self._sources += 1

        @contextmanager
        def read(index: np.ndarray) -> Iterator[Examples]:
            slot = self._idle.get()
            try:
                yield self._read(slot, sent, index)
            finally:
                self._idle.put(slot)

        return read

    def close(self) -> None:
        """End the processes at once; more than once is allowed."""
        with self._lock:
            self._end()

    def _read(self, slot: _Slot, sent: _Sent, index: np.ndarray) -> Examples:
        for attempt in range(1, ATTEMPTS + 1):
            if slot.worker is None:
                slot.worker = self._start()
            try:
                return slot.worker.read(sent, index, singly=attempt == ATTEMPTS)
            except _Died as died:
                last = died
                slot.worker.end()
                self._started.discard(slot.worker)
                slot.worker = None
        raise Stopped(_spell_end(sent.name, last))

    def _start(self) -> _Worker:
        with self._lock:
            if not self._end.alive:
                raise RuntimeError("the worker processes are closed")
            worker = _Worker()
            self._started.add(worker)
            return worker


class _Sent(NamedTuple):
    """A source as it is sent to workers: its number among them, what it is called, and itself."""

    number: int
    name: str
    pickled: bytes


class _Died(Exception):
    """A worker died: of signal or with exit code `how`, at `row` if that is known."""

    def __init__(self, how: int, row: int | None) -> None:
        super().__init__(how, row)
        self.how = how
        self.row = row


def _spell_end(name: str, died: _Died) -> str:
    how = f"was killed by signal {-died.how}" if died.how < 0 else f"ended with code {died.how}"
    if died.row is None:
        return (
            f"{ATTEMPTS} worker processes one after the other ended before they could read "
            f"{name}: the last {how}. What was saved stays, and the same command continues; "
            "--worker-kind threads does without them"
        )
    memory = (
        " Where nobody sends it, this signal means that memory has run out: fewer --workers need "
        "less."
        if -died.how == signal.SIGKILL
        else ""
    )
    return (
        f"{ATTEMPTS} worker processes one after the other died over the same examples of {name}: "
        f"the last {how} at row {died.row}.{memory} What was saved stays: mend that example or the "
        "function that prepares it, and the same command continues"
    )


class _Worker:
    """A process that runs `research.data.worker_process`, and the memory that it shares."""

    _memory = -1

    def __init__(self) -> None:
        self._memory = _nameless_memory()
        ours, theirs = socket.socketpair()
        # A worker computes nothing on a device, and must not take one.
        paths = os.pathsep.join(sys.path)
        surroundings = os.environ | {"PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}
        with theirs:
            passed = theirs.fileno(), self._memory
            self._process = subprocess.Popen(
                [sys.executable, *_FLAGS, "-m", "research.data.worker_process", *map(str, passed)],
                stdin=subprocess.PIPE,
                stdout=2,  # What a function prints is no result of the run.
                pass_fds=passed,
                env=surroundings,
            )
        self._connection = Connection(ours.detach())
        self._mapped: mmap.mmap | None = None
        self._known: set[int] = set()

    def read(self, sent: _Sent, index: np.ndarray, *, singly: bool) -> Examples:
        """The examples, in memory that the next call writes over.

        Raises:
            _Died: the process ended before it answered.
        """
        row = None
        with self._watched(lambda: row):
            pickled = None if sent.number in self._known else sent.pickled
            self._connection.send((sent.number, pickled, index, singly))
            while (answer := self._receive())[0] == "row":
                row = answer[1]
        if answer[0] == "error":
            raise answer[1]
        self._known.add(sent.number)
        _, forms, size, read, mapped = answer
        if self._mapped is None or len(self._mapped) < size:
            self._mapped = mmap.mmap(self._memory, 0, access=mmap.ACCESS_READ)
        columns = {
            name: np.ndarray(shape, dtype, self._mapped, offset)
            for name, dtype, shape, offset in forms
        }
        return Examples(columns, read, mapped)

    @contextmanager
    def _watched(self, row: Any) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self._process.kill()
            raise _Died(self._process.wait(), row()) from None

    def _receive(self) -> Any:
        # A process that it started could hold the channel open after its death.
        while not self._connection.poll(_LOOK_SECONDS):
            if self._process.poll() is not None:
                raise EOFError
        return self._connection.recv()

    def end(self) -> None:
        """End the process. Whoever reads from it gets `_Died`."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def __del__(self) -> None:
        # Not before: the thread that reads from it may be about to map it.
        if self._memory >= 0:
            os.close(self._memory)


class _Slot:
    """Room for one worker, which is started when it is needed."""

    worker: _Worker | None = None


def _end_all(workers: set[_Worker]) -> None:
    for worker in list(workers):
        worker.end()


def _nameless_memory() -> int:
    """An open file in memory that is in no folder, and goes when the last who has it open does."""
    make_in_memory = getattr(os, "memfd_create", None)  # Linux alone has it.
    if make_in_memory is not None:
        return int(make_in_memory("encore-worker"))
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _pickle(source: Source) -> bytes:
    written = io.BytesIO()
    try:
        _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(source)
    except Exception as error:
        raise Mistake(
            f"{source.name} cannot be sent to worker processes ({error}): a function of it must "
            "stand in a module by its own name, not inside another function and not as a lambda; "
            "or choose --worker-kind threads"
        ) from error
    return written.getvalue()


class _Pickler(pickle.Pickler):
    """Leaves out what an object has computed for itself, and columns that lie in a file."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.memmap) and (place := _place_in_file(value)):
            return _map_file, place
        kind: Any = type(value)
        plain = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
        if not plain or kind.__getstate__ is not object.__getstate__:
            return NotImplemented
        computed = {
            name
            for name in getattr(value, "__dict__", ())
            if isinstance(getattr(kind, name, None), functools.cached_property)
        }
        if not computed:
            return NotImplemented
        kept = {name: each for name, each in vars(value).items() if name not in computed}
        return object.__new__, (kind,), kept


def _place_in_file(array: np.memmap) -> tuple[Any, ...] | None:
    """(file, dtype, offset, shape) of a contiguous part of a memory-mapped file; else None."""
    mapped, path = getattr(array, "_mmap", None), getattr(array, "filename", None)
    if mapped is None or path is None or not array.flags.c_contiguous or not array.size:
        return None
    begin = np.frombuffer(mapped, np.uint8)
    within = array.__array_interface__["data"][0] - begin.__array_interface__["data"][0]
    if not 0 <= within < len(begin):
        return None  # A copy that still has the attributes of what it was copied from.
    # The map begins at a whole page, before the offset that was asked for.
    offset = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY + within
    return str(path), array.dtype, offset, array.shape


def _map_file(path: str, dtype: Any, offset: int, shape: tuple[int, ...]) -> np.memmap:
    return np.memmap(path, dtype, "r", offset, shape)

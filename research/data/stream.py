"""Data that does not fit the device: windows of steps, read ahead by workers.

The order is the same pure function that a resident feed traces, computed here on the host. Workers
are handed rows and put the examples where those rows' places are; so the batches are the same to
the bit, whatever the number of workers and the order in which they are done.
"""

from __future__ import annotations

import collections
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.data.order import RowsOf, in_file_order
from research.data.reading import Here, Read, Readers
from research.data.waits import Waits
from research.engine.experiment import Batch, Rows, Source, Window
from research.engine.keys import stream
from research.errors import Mistake

_AHEAD = 3
"""Windows that are begun beyond the one that is computed on; the first of them is placed, too."""
_PARTS = 4
"""Parts that a window is read in, for each worker: so none waits long for the slowest."""
_PART_SECONDS = 0.005
"""What a part should take at least: a call costs something, too. So cheap windows have fewer."""


class Share(NamedTuple):
    """A process's part of each batch: the examples of the groups that its devices compute.

    Attributes:
        part: which one, from 0.
        parts: how many equal ones there are, one for each process.
    """

    part: int = 0
    parts: int = 1


WHOLE = Share()
"""All of each batch."""


class Streamed:
    """Training batches from windows of consecutive steps.

    Window k holds steps k * C to (k + 1) * C. Its shapes are always the same; steps that are not
    asked for are left zero. While one window is computed on, the next is put on the device and
    the examples of two more are read: never more, however far the device is behind. Examples that
    are no part of its share are left zero, too.

    Args:
        source: what is trained on; several threads call its `read` at once.
        rows: which rows make a step's batch.
        window_steps: C.
        workers: how many read at once; 0 reads nothing ahead, and in the calling thread.
        readers: where they read.
        waits: gets what was waited for.
        share: which examples of each batch are read.

    Raises:
        ValueError: if a number is too small.
    """

    def __init__(
        self,
        source: Source,
        rows: RowsOf,
        window_steps: int,
        workers: int,
        readers: Readers | None = None,
        waits: Waits | None = None,
        share: Share = WHOLE,
    ) -> None:
        if window_steps < 1 or workers < 0:
            raise ValueError("window_steps must be at least 1, and workers at least 0")
        self._name = source.name
        self._read = (readers or Here()).of(source)
        self._rows = _host_rows(rows, window_steps)
        self._window_steps = window_steps
        self._share = share
        self._workers = max(1, workers)
        self._most_parts = _PARTS * self._workers
        self._ahead = _AHEAD if workers else 0
        self._readers = _executor(workers, "encore-read")
        self._placer = _executor(min(workers, 1), "encore-place")
        self.waits = waits or Waits(workers, processes=False)

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        """The batch of a step: column -> `[batch, ...]`, and `weight` float32 `[batch]`."""
        del seed
        slot = step - arrays["first"]
        return {
            name: jax.lax.dynamic_index_in_dim(column, slot, keepdims=False)
            for name, column in arrays["batches"].items()
        }

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """Windows that cover the steps. An error of a worker is raised here."""
        parts = self._parts(start, stop)
        begun: collections.deque[_Window] = collections.deque()
        asked = time.perf_counter()
        try:
            while True:
                expected = bool(begun) or not self._ahead
                for part in itertools.islice(parts, self._ahead + 1 - len(begun)):
                    begun.append(self._begin(seed, *part))
                if not begun:
                    return
                for window in itertools.islice(begun, 2):  # This one, and the next.
                    window.place(self._placer)
                window = begun.popleft()
                arrays = [self._wait_for(window, asked, expected)]
                worth = int((window.read + window.mapped) / _PART_SECONDS)
                self._most_parts = min(max(worth, self._workers), _PARTS * self._workers)
                bounds = window.start, window.stop
                del window
                # Kept here, the arrays would stay while the next ones are waited for.
                yield Window(arrays.pop(), *bounds)
                asked = time.perf_counter()
        finally:
            for window in begun:
                window.cancel()

    def close(self) -> None:
        """End the workers: what has begun is finished, what waits is dropped."""
        for pool in (self._readers, self._placer):
            pool.shutdown(wait=True, cancel_futures=True)

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The parts of `start` to `stop` that lie in one window each."""
        while start < stop:
            end = min(start - start % self._window_steps + self._window_steps, stop)
            yield start, end
            start = end

    def _begin(self, seed: int, start: int, stop: int) -> _Window:
        """Have the steps read, all of one window."""
        first = start - start % self._window_steps
        window = _Window(self._name, first, start, stop, self._rows(seed, first), self._share)
        for places in np.array_split(window.by_row, self._most_parts):
            if len(places):
                window.parts.append(self._readers.submit(window.fill, self._read, places))
        return window

    def _wait_for(self, window: _Window, asked: float, expected: bool) -> Any:
        wait(window.parts, return_when=FIRST_EXCEPTION)
        examples = time.perf_counter()
        arrays = window.place(self._placer).result()
        device = time.perf_counter()
        if expected:
            steps, spent = window.stop - window.start, (window.read, window.mapped)
            self.waits.add(steps, examples - asked, device - examples, *spent)
        else:
            self.waits.add_first(device - asked)
        return arrays


class _Window:
    """A window that workers fill, each the places of its own rows.

    Attributes:
        start: first step that is read.
        stop: the step after the last.
        by_row: the places of the share's examples, sorted by row, so that what lies together in a
            file is read together.
        parts: what workers do.
        read: seconds that they spent on reading so far.
        mapped: seconds that they spent in functions on the host.
    """

    def __init__(
        self,
        name: str,
        first: int,
        start: int,
        stop: int,
        rows: tuple[np.ndarray, np.ndarray],
        share: Share,
    ) -> None:
        position, weight = rows
        self.start, self.stop = start, stop
        self.parts: list[Future[None]] = []
        self.read = self.mapped = 0.0
        self._name = name
        self._first = first
        self._shape = position.shape
        self._position = position.reshape(-1)
        places = np.arange(position.size).reshape(position.shape)[start - first : stop - first]
        some = np.split(places, share.parts, axis=1)[share.part].reshape(-1)
        self.by_row = some[np.argsort(self._position[some], kind="stable")]
        asked = slice(start - first, stop - first)
        self._weight = np.zeros_like(weight)
        self._weight[asked] = weight[asked]
        self._columns: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()
        self._placed: Future[Any] | None = None

    def fill(self, read: Read, places: np.ndarray) -> None:
        """Read the rows of some places, and put their examples there."""
        with read(self._position[places]) as examples:
            columns = self._columns_like(examples.columns)
            for name, column in examples.columns.items():
                columns[name][places] = column
            with self._lock:
                self.read += examples.read
                self.mapped += examples.mapped

    def place(self, pool: Executor) -> Future[Any]:
        """The window's arrays on the device, as soon as all parts are there."""
        if self._placed is None:
            self._placed = pool.submit(self._put)
        return self._placed

    def cancel(self) -> None:
        """Read no part that is not begun."""
        for part in self.parts:
            part.cancel()

    def _columns_like(self, some: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        forms = {name: (column.dtype, column.shape[1:]) for name, column in some.items()}
        with self._lock:
            if not self._columns:
                size = len(self._position)
                self._columns = {n: np.zeros((size, *s), d) for n, (d, s) in forms.items()}
            here = {n: (column.dtype, column.shape[1:]) for n, column in self._columns.items()}
        if forms != here:
            raise Mistake(
                f"{self._name}: examples differ in form: some are {_spell(here)}, others "
                f"{_spell(forms)}; make them alike by a function (Mapped)"
            )
        return self._columns

    def _put(self) -> Any:
        for part in self.parts:
            part.result()
        batches = {
            name: column.reshape(*self._shape, *column.shape[1:])
            for name, column in self._columns.items()
        } | {"weight": self._weight}
        self._columns = {}
        placed = jax.device_put({"batches": batches, "first": np.int32(self._first)})
        return jax.block_until_ready(placed)


def _spell(forms: dict[str, Any]) -> str:
    return ", ".join(f"{name} {dtype} {list(shape)}" for name, (dtype, shape) in forms.items())


class _Inline(Executor):
    """Does everything at once, in the thread that asks."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(function(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


def _executor(threads: int, name: str) -> Executor:
    return ThreadPoolExecutor(threads, name) if threads else _Inline()


def _host_rows(
    rows: RowsOf, window_steps: int
) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """(seed, first step) -> the rows and weights of a window `[steps, batch]`, as NumPy arrays."""

    def window(seed: jax.Array, first: jax.Array) -> Rows:
        steps = first + jnp.arange(window_steps, dtype=jnp.int32)
        return jax.vmap(rows, (None, 0))(stream(seed, "order"), steps)

    compiled = jax.jit(window)

    def call(seed: int, first: int) -> tuple[np.ndarray, np.ndarray]:
        with jax.default_device(_host()):
            found = compiled(np.uint32(seed), np.int32(first))
        return np.asarray(found.position), np.asarray(found.weight)

    return call


def _host() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # Only the accelerator was made available (JAX_PLATFORMS).
        return jax.local_devices()[0]


def evaluation_batches(
    source: Source, batch_size: int, workers: int, readers: Readers | None = None
) -> Iterator[Batch]:
    """The batches of a split in file order, each example once, read ahead by workers.

    `workers` and `readers` are as for `Streamed`.
    """
    read = (readers or Here()).of(source)

    def batch(position: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        with read(position) as examples:
            return {name: np.array(c) for name, c in examples.columns.items()} | {"weight": weight}

    rows = in_file_order(len(source), batch_size)
    waiting: collections.deque[Future[dict[str, np.ndarray]]] = collections.deque()
    pool = _executor(workers, "encore-evaluate")
    try:
        waiting.extend(
            pool.submit(batch, *row) for row in itertools.islice(rows, max(1, 2 * workers))
        )
        while waiting:
            found = jax.device_put(waiting.popleft().result())
            waiting.extend(pool.submit(batch, *row) for row in itertools.islice(rows, 1))
            yield found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

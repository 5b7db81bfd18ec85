"""Data that does not fit the device: windows of steps, read ahead by worker threads.

The order is the same pure function that a resident feed traces, computed here on the host; so the
batches are the same to the bit.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.data.columns import for_device
from research.data.order import RowsOf, in_file_order
from research.engine.experiment import Batch, Rows, Source, Window
from research.engine.keys import stream

_AHEAD = 2
"""Windows whose examples are read beyond the one that is put on the device."""


class Streamed:
    """Training batches from windows of consecutive steps.

    Window k holds steps k * C to (k + 1) * C. Its shapes are always the same; steps that are not
    asked for are left zero. While one window is computed on, the next is put on the device and
    the examples of two more are read, past `stop` too, since a run usually goes on from there.

    Args:
        source: what is trained on; several threads call its `read` at once.
        rows: which rows make a step's batch.
        window_steps: C.
        workers: threads that read.

    Raises:
        ValueError: if a number is not positive.
    """

    def __init__(self, source: Source, rows: RowsOf, window_steps: int, workers: int) -> None:
        if window_steps < 1 or workers < 1:
            raise ValueError("window_steps and workers must be at least 1")
        self._source = source
        self._rows = _HostRows(rows, window_steps)
        self._window_steps = window_steps
        self._readers = ThreadPoolExecutor(workers, "encore-read")
        self._assembler = ThreadPoolExecutor(1, "encore-assemble")
        self._seed = -1
        self._reads: dict[int, Future[dict[str, np.ndarray]]] = {}

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
        self._keep_reads(seed, start)
        coming = self._assembled(seed, start, stop)
        window = next(coming, None)
        while window is not None:
            begin, end, arrays = window
            window = next(coming, None)
            self._read(range(end, end + (1 + _AHEAD) * self._window_steps))
            yield Window(arrays.result(), begin, end)

    def close(self) -> None:
        """End the workers: what has begun is finished, what waits is dropped."""
        for pool in (self._readers, self._assembler):
            pool.shutdown(wait=True, cancel_futures=True)

    def _assembled(self, seed: int, start: int, stop: int) -> Iterator[tuple[int, int, Future]]:
        while start < stop:
            first = start - start % self._window_steps
            end = min(first + self._window_steps, stop)
            self._keep_reads(seed, start)
            self._read(range(start, end))
            reads = {step - first: self._reads.pop(step) for step in range(start, end)}
            yield start, end, self._assembler.submit(self._assemble, first, reads)
            start = end

    def _keep_reads(self, seed: int, start: int) -> None:
        """Forget what was read ahead and is not needed from here on."""
        for step in [step for step in self._reads if step < start or seed != self._seed]:
            self._reads.pop(step).cancel()
        self._seed = seed

    def _read(self, steps: range) -> None:
        for step in steps:
            if step not in self._reads:
                rows = self._rows(self._seed, step)
                self._reads[step] = self._readers.submit(_read, self._source, *rows)

    def _assemble(self, first: int, reads: dict[int, Future[dict[str, np.ndarray]]]) -> Any:
        steps = {slot: read.result() for slot, read in reads.items()}
        batches: dict[str, np.ndarray] = {}
        for slot, batch in steps.items():
            for name, column in batch.items():
                if name not in batches:
                    batches[name] = np.zeros((self._window_steps, *column.shape), column.dtype)
                batches[name][slot] = column
        return jax.device_put({"batches": batches, "first": np.int32(first)})


class _HostRows:
    """A step's rows as NumPy arrays, computed a window at a time by one compiled function."""

    def __init__(self, rows: RowsOf, window_steps: int) -> None:
        def window(seed: jax.Array, first: jax.Array) -> Rows:
            steps = first + jnp.arange(window_steps, dtype=jnp.int32)
            return jax.vmap(rows, (None, 0))(stream(seed, "order"), steps)

        self._window = jax.jit(window)
        self._window_steps = window_steps
        self._recent: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        slot = step % self._window_steps
        at = (seed, step - slot)
        if at not in self._recent:
            with jax.default_device(_host()):
                rows = self._window(np.uint32(seed), np.int32(step - slot))
            self._recent[at] = np.asarray(rows.position), np.asarray(rows.weight)
            while len(self._recent) > 2 * (1 + _AHEAD):
                self._recent.pop(next(iter(self._recent)))
        position, weight = self._recent[at]
        return position[slot], weight[slot]


def _host() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # Only the accelerator was made available (JAX_PLATFORMS).
        return jax.local_devices()[0]


def _read(source: Source, position: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    # A position may have several axes, as where an example is a window of a sequence.
    columns = for_device(source.read(position.reshape(-1)), source.name)
    return {
        name: column.reshape(*position.shape, *column.shape[1:]) for name, column in columns.items()
    } | {"weight": weight}


def evaluation_batches(source: Source, batch_size: int, workers: int) -> Iterator[Batch]:
    """The batches of a split in file order, each example once, read ahead by worker threads."""
    rows = in_file_order(len(source), batch_size)
    waiting: collections.deque[Future[dict[str, np.ndarray]]] = collections.deque()
    pool = ThreadPoolExecutor(workers, "encore-evaluate")
    try:
        waiting.extend(
            pool.submit(_read, source, *row) for row in itertools.islice(rows, 2 * workers)
        )
        while waiting:
            batch = jax.device_put(waiting.popleft().result())
            waiting.extend(pool.submit(_read, source, *row) for row in itertools.islice(rows, 1))
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

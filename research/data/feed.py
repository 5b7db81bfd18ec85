"""From `Data` to the `Feed` that the loop draws on: on the device, streamed, or generated."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from research.data import stream
from research.data.columns import for_device
from research.data.order import RowsOf, in_file_order
from research.data.reading import Here, Readers
from research.data.stream import WHOLE, Share
from research.data.waits import Waits
from research.data.workers import WorkerProcesses
from research.engine import keys
from research.engine.experiment import Batch, Data, Key, Source, Window
from research.engine.waiting import Waiting
from research.errors import Mistake

Placement: TypeAlias = Literal["auto", "resident", "streamed"]

WorkerKind: TypeAlias = Literal["threads", "processes"]

RESIDENT_BYTES = 2**30
"""Decoded bytes up to which data lies on the device, where its memory is not known (CPU)."""


WORKERS = 2
"""Workers that read streamed data, where nobody says how many."""


class _Training(Protocol):
    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch: ...
    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]: ...
    def close(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class _Generated:
    generate: Callable[[Key, jax.Array], Batch]

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        del arrays
        return self.generate(keys.stream(seed, "data"), step)

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        del seed
        if start < stop:
            yield Window((), start, stop)

    def close(self) -> None:
        """Nothing to stop."""


@dataclasses.dataclass(frozen=True, eq=False)
class Resident:
    """Training batches from columns on the device.

    Attributes:
        source: what is trained on.
        rows: which rows make a step's batch.
    """

    source: Source
    rows: RowsOf

    @functools.cached_property
    def _arrays(self) -> dict[str, jax.Array]:
        columns = for_device(self.source.load(), self.source.name)
        # A copy: on CPU the device would otherwise keep reading the cache's memory-mapped file.
        return {name: jnp.array(column) for name, column in columns.items()}

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        """The batch of a step: column -> `[batch, ...]`, and `weight` float32 `[batch]`."""
        position, weight = self.rows(keys.stream(seed, "order"), step)
        chosen = {
            name: column.at[position].get(mode="promise_in_bounds")
            for name, column in arrays.items()
        }
        return {**chosen, "weight": weight}

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """One window of everything; none where there is no step."""
        del seed
        if start < stop:
            yield Window(self._arrays, start, stop)

    def close(self) -> None:
        """Nothing to stop."""


def open_feed(
    data: Data | None,
    placement: Placement = "auto",
    *,
    window_steps: int = 16,
    workers: int = WORKERS,
    worker_kind: WorkerKind = "threads",
    resident_bytes: int | None = None,
    share: Share = WHOLE,
) -> DataFeed:
    """The feed of an experiment. Reads nothing before it is asked to.

    No argument but `data` and `share` changes a bit of any batch.

    Args:
        data: what is fed; None where the state holds it all.
        placement: whether data lies on the device ("resident") or comes in windows ("streamed").
            "auto" goes through the splits, `train` first, and keeps on the device what fits
            `resident_bytes` altogether.
        window_steps: steps in a window of streamed data.
        workers: how many read streamed data; 0 for the loop itself, which then reads nothing ahead.
        worker_kind: what they are. Processes are for functions on the host (`Mapped`) that hold
            the interpreter; the source is sent to each.
        resident_bytes: the limit of "auto", decoded; by default a quarter of the device's memory
            where that is known and otherwise `RESIDENT_BYTES`.
        share: which examples of a batch are read where they are streamed; the others are zero.

    Raises:
        ValueError: if the data names rows and no split `train`, or both rows and `generate`.
    """
    if data is not None and data.rows is not None:
        if data.generate is not None:
            raise ValueError("data has both rows and generate; one of them makes the batches")
        if "train" not in data.splits:
            raise ValueError("data has rows but no split 'train'")
    if placement not in ("auto", "resident", "streamed"):
        raise ValueError(f"placement is {placement!r}; it must be auto, resident or streamed")
    limit = _resident_bytes() if resident_bytes is None else resident_bytes
    if workers < 0 or (workers == 0 and worker_kind == "processes"):
        raise ValueError(f"{workers} workers that are {worker_kind}: there must be at least one")
    return DataFeed(data, placement, window_steps, workers, worker_kind, limit, share)


def _resident_bytes() -> int:
    memory = jax.local_devices()[0].memory_stats() or {}
    return memory["bytes_limit"] // 4 if "bytes_limit" in memory else RESIDENT_BYTES


@dataclasses.dataclass(frozen=True, eq=False)
class DataFeed:
    """What `open_feed` makes; see there. Implements `research.engine.experiment.Feed`."""

    data: Data | None
    placement: Placement
    window_steps: int
    workers: int
    worker_kind: WorkerKind
    resident_bytes: int
    share: Share
    _kept: dict[str, list[Batch]] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def _splits(self) -> Mapping[str, Source]:
        return {} if self.data is None else self.data.splits

    @functools.cached_property
    def _resident(self) -> frozenset[str]:
        """The splits that lie on the device."""
        if self.placement != "auto":
            return frozenset(self._splits if self.placement == "resident" else ())
        fitting, left = set(), self.resident_bytes
        for name in sorted(self._splits, key=lambda name: name != "train"):
            size = decoded_bytes(self._splits[name])
            if size <= left:
                fitting.add(name)
                left -= size
        return frozenset(fitting)

    @functools.cached_property
    def _readers(self) -> Readers:
        return WorkerProcesses(self.workers) if self.worker_kind == "processes" else Here()

    @functools.cached_property
    def _training(self) -> _Training:
        if self.data is None or (self.data.rows is None and self.data.generate is None):
            return _Generated(lambda key, step: None)
        if self.data.generate is not None:
            return _Generated(self.data.generate)
        assert self.data.rows is not None
        train = self._splits["train"]
        if "train" in self._resident:
            return Resident(train, self.data.rows)
        waits = Waits(self.workers, processes=self.worker_kind == "processes")
        return stream.Streamed(
            train,
            self.data.rows,
            self.window_steps,
            self.workers,
            self._readers,
            waits,
            self.share,
        )

    @property
    def per_seed(self) -> bool:
        """As `Feed.per_seed`: only streamed windows do."""
        return isinstance(self._training, stream.Streamed)

    def fork(self) -> DataFeed:
        """As `Feed.fork`: its workers are its own; what lies on the device is shared."""
        return dataclasses.replace(self)

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        """As `Feed.batch`: columns `[batch, ...]` and `weight` float32 `[batch]`, or None."""
        return self._training.batch(arrays, seed, step)

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """As `Feed.windows`."""
        return self._training.windows(seed, start, stop)

    def evaluation(self, split: str) -> Iterator[Batch]:
        """As `Feed.evaluation`: columns `[evaluation_batch_size, ...]` and `weight`.

        Raises:
            Mistake: if there are splits and none of that name.
        """
        if self.data is None or not self._splits:
            yield None
            return
        if split not in self._splits:
            near = difflib.get_close_matches(split, self._splits, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise Mistake(f"No split {split!r}; there are {', '.join(self._splits)}.{hint}")
        source, size = self._splits[split], self.data.evaluation_batch_size
        if split not in self._resident:
            yield from stream.evaluation_batches(source, size, self.workers, self._readers)
            return
        if split not in self._kept:
            self._kept[split] = _resident_batches(source, size)
        yield from self._kept[split]

    def digests(self) -> Mapping[str, str]:
        """As `Feed.digests`."""
        return {name: source.digest() for name, source in self._splits.items()}

    def waiting(self) -> Waiting | None:
        """As `Feed.waiting`."""
        return self._training.waits.read() if isinstance(self._training, stream.Streamed) else None

    def close(self) -> None:
        """As `Feed.close`; more than once is allowed. Also at the end of a `with`."""
        # Processes first: threads may be waiting for one that hangs.
        if "_readers" in self.__dict__:
            self._readers.close()
        if "_training" in self.__dict__:
            self._training.close()

    def __enter__(self) -> DataFeed:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _resident_batches(source: Source, batch_size: int) -> list[Batch]:
    """The batches of a split on the device, in file order, each example once."""
    columns = for_device(source.load(), source.name)
    return [
        jax.device_put(
            {name: column[index] for name, column in columns.items()} | {"weight": weight}
        )
        for index, weight in in_file_order(len(source), batch_size)
    ]


def decoded_bytes(source: Source) -> int:
    """About how many bytes a source is when decoded, judged by its first eight examples."""
    some = min(8, len(source))
    if some == 0:
        return 0
    columns = source.read(np.arange(some))
    return sum(column.nbytes for column in columns.values()) * len(source) // some

"""Requests that wait at the same time are computed together, in one thread, a block at a time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from research.serving.bodies import Refused, Rows

Arrays: TypeAlias = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Waiting:
    rows: Rows
    answer: asyncio.Future[Arrays]


class Batcher:
    """Who computes: a thread that takes what waits, up to a block of rows, and begins again.

    While it computes, the next block fills. Where fewer rows wait than a block has, it gives others
    a moment to come. What else is in a block has no part in a row's outputs, as `compute` sees to.

    To be used within one event loop, which never waits for the thread.
    """

    def __init__(
        self,
        compute: Callable[[Arrays], Arrays],
        block: int,
        most: int,
        wait: float,
        watch: Callable[[int], None],
    ) -> None:
        """Start the thread.

        Args:
            compute: inputs of any number of rows -> their outputs.
            block: rows that are best computed at once.
            most: requests that may wait; a further one is refused.
            wait: seconds that a block which is not full gives others to come.
            watch: is called with the rows of each block.
        """
        self._compute, self._watch = compute, watch
        self._block, self._most, self._wait = block, most, wait
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="predictions", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many requests wait; what is being computed is none of them."""
        return len(self._waiting)

    async def answer(self, rows: Rows) -> Arrays:
        """The outputs of these rows, `[rows, ...]` each.

        Raises:
            Refused: too many requests wait, or the service stops.
        """
        one = _Waiting(rows, asyncio.get_running_loop().create_future())
        with self._changed:
            if self._closed:
                raise Refused("busy", "the service stops")
            if len(self._waiting) >= self._most:
                raise Refused("busy", f"the queue is full, {self._most} long; try again later")
            self._waiting.append(one)
            self._rows += rows.size
            # To wake the thread for each of them would cost more than it gains.
            if len(self._waiting) == 1 or self._rows >= self._block:
                self._changed.notify()
        try:
            return await one.answer
        except asyncio.CancelledError:
            self._drop(one)
            raise

    def _drop(self, one: _Waiting) -> None:
        """Make room: nobody waits for it any longer."""
        with self._changed, contextlib.suppress(ValueError):
            self._waiting.remove(one)
            self._rows -= one.rows.size

    def close(self) -> None:
        """Compute what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while self._waiting or not self._closed:
            if not (taken := self._take()):
                continue
            loop = taken[0].answer.get_loop()
            try:
                outputs = self._answer(taken)
            except Exception as error:
                # Of the model or of the machine: those who wait are told, and the service goes on.
                loop.call_soon_threadsafe(_fail, taken, error)
            else:
                loop.call_soon_threadsafe(_deliver, taken, outputs)

    def _take(self) -> list[_Waiting]:
        """Requests whose rows fill a block, or fewer; none where all have gone meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(lambda: self._rows >= self._block or self._closed, self._wait)
            taken: list[_Waiting] = []
            count = 0
            while self._waiting:
                more = self._waiting[0].rows.size
                if taken and count + more > self._block:
                    break
                taken.append(self._waiting.popleft())
                count += more
            self._rows -= count
            return taken

    def _answer(self, taken: list[_Waiting]) -> list[Arrays]:
        parts = [one.rows.arrays for one in taken]
        self._watch(sum(one.rows.size for one in taken))
        together = self._compute(
            {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        )
        outputs: list[Arrays] = []
        start = 0
        for one in taken:
            end = start + one.rows.size
            outputs.append({name: array[start:end] for name, array in together.items()})
            start = end
        return outputs


def _deliver(taken: list[_Waiting], outputs: list[Arrays]) -> None:
    for one, own in zip(taken, outputs, strict=True):
        if not one.answer.done():
            one.answer.set_result(own)


def _fail(taken: list[_Waiting], error: Exception) -> None:
    for one in taken:
        if not one.answer.done():
            one.answer.set_exception(error)

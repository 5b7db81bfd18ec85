"""Reading examples, here or elsewhere, and how much of the time functions on the host took."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from research.data.columns import Columns, for_device
from research.data.sources.mapped import Mapped
from research.data.sources.wrapping import with_inner
from research.engine.experiment import Source
from research.errors import Mistake


class Examples(NamedTuple):
    """Some examples, as a device has them, and what they cost.

    Attributes:
        columns: column -> array `[n, ...]`.
        read: seconds that reading took.
        mapped: seconds that functions on the host took.
    """

    columns: Columns
    read: float
    mapped: float


Read: TypeAlias = Callable[[np.ndarray], AbstractContextManager[Examples]]
"""(rows, int `[n]`) -> their examples, which may be gone after the context."""


class Readers(Protocol):
    """Where examples are read."""

    def of(self, source: Source) -> Read:
        """What reads the examples of a source; several threads may call it at once."""

    def close(self) -> None:
        """Release what it holds; what is being read fails."""


class Here:
    """Examples are read in the thread that asks for them."""

    def of(self, source: Source) -> Read:
        """As `Readers.of`."""
        reader = Reader(source)

        @contextmanager
        def read(index: np.ndarray) -> Iterator[Examples]:
            yield reader.read(index)

        return read

    def close(self) -> None:
        """Nothing to release."""


class Reader:
    """Reads a source, and measures how long its functions on the host take.

    Those of `Mapped` are meant; they are measured in each thread by itself.
    """

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._source = self._timed(source)
        self._local = threading.local()

    def read(self, index: np.ndarray) -> Examples:
        """The examples at `index` (int `[n]`).

        Raises:
            Mistake: a column cannot lie on a device, or has not one example for each row.
        """
        self._local.mapped = 0.0
        began = time.perf_counter()
        columns = for_device(self._source.read(index), self.name)
        took = time.perf_counter() - began
        wrong = {name: len(c) for name, c in columns.items() if len(c) != len(index)}
        if wrong:
            raise Mistake(f"{self.name}: {len(index)} rows were read and gave {wrong} examples")
        return Examples(columns, took - self._local.mapped, self._local.mapped)

    def _timed(self, source: Source) -> Source:
        source = with_inner(source, self._timed)
        if not isinstance(source, Mapped):
            return source
        function = source.function

        @functools.wraps(function)
        def timed(*arguments: Any) -> Columns:
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self._local.mapped += time.perf_counter() - began

        return dataclasses.replace(source, function=timed)

"""Sources made from another by a function on the host."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.data.sources.drawing import keys_of
from research.data.sources.functions import describe
from research.data.sources.wrapping import require_each_alone
from research.engine.experiment import Source
from research.errors import Mistake

_CHUNK = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Mapped:
    """The examples of another source, each changed by a pure function on the host.

    The function runs when examples are read, in the threads that read where data is streamed.

    Attributes:
        source: what is read: as many examples, in the same order.
        function: columns of some examples -> columns of the same examples. What an example becomes
            must depend on nothing but that example, and where there is a seed on its key.
        does: what the function does, with its settings, in a few words: `resized to 32 x 32`.
        version: to be changed whenever the function gives something else for the same examples,
            and its text does not show it. Where it uses a vocabulary or statistics, their digest
            belongs in it.
        seed: of a function that draws: it is called with (columns, keys), as
            `research.data.sources.drawing.keys_of` has them. An example has the same key whenever
            it is read; over a `Repeated` source it has another in each pass.
    """

    source: Source
    function: Callable[..., Columns]
    does: str
    version: str = "1"
    seed: int | None = None

    @property
    def name(self) -> str:
        """`mnist/3.0.1 train, resized to 32 x 32`."""
        return f"{self.source.name}, {self.does}"

    def __len__(self) -> int:
        """The number of examples, that of the source."""
        return len(self.source)

    def load(self) -> Columns:
        """All examples, mapped some at a time."""
        whole, parts = self.source.load(), []
        for start in range(0, max(1, len(self)), _CHUNK):
            some = {name: column[start : start + _CHUNK] for name, column in whole.items()}
            parts.append(self._map(some, np.arange(start, min(start + _CHUNK, len(self)))))
        return column_functions.join(parts)

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access."""
        return self._map(self.source.read(index), index)

    def digest(self) -> str:
        """That of the source with the function, the seed, and the first examples.

        Of a function that are its words, its version, its name and its source text, as
        `research.data.sources.functions.describe` has them. So it reads no more than the source's
        own digest does; and whatever else the function rests on and was changed is noticed if the
        first eight examples show it.

        Raises:
            Mistake: if what an example becomes depends on the examples read with it.
        """
        first = require_each_alone(self.name, self.read, len(self), "becomes something else")
        made_of = [self.source.digest(), self.does, self.version, describe(self.function)]
        seeded = [] if self.seed is None else [self.seed]
        return column_functions.with_meaning(
            column_functions.digest(first), json.dumps([*made_of, *seeded])
        )

    def _map(self, columns: Columns, index: np.ndarray) -> Columns:
        count = len(next(iter(columns.values())))
        keys = () if self.seed is None else (keys_of(self.seed, index),)
        mapped = self.function(dict(columns), *keys)
        if wrong := {name: len(column) for name, column in mapped.items() if len(column) != count}:
            raise Mistake(f"{self.name}: {count} examples became {wrong}; give one for each")
        return mapped

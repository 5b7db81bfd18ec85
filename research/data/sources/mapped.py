"""Sources made from another by a function on the host."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
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
            must depend on nothing but that example.
        does: what the function does, with its settings, in a few words: `resized to 32 x 32`.
        version: to be changed whenever the function gives something else for the same examples.
            Where it uses a vocabulary or statistics, their digest belongs in it.
    """

    source: Source
    function: Callable[[Columns], Columns]
    does: str
    version: str = "1"

    @property
    def name(self) -> str:
        """`mnist/3.0.1 train, resized to 32 x 32`."""
        return f"{self.source.name}, {self.does}"

    def __len__(self) -> int:
        """The number of examples, that of the source."""
        return len(self.source)

    def load(self) -> Columns:
        """All examples, mapped some at a time."""
        whole = self.source.load()
        return column_functions.join(
            [
                self._map({name: column[start : start + _CHUNK] for name, column in whole.items()})
                for start in range(0, max(1, len(self)), _CHUNK)
            ]
        )

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access."""
        return self._map(self.source.read(index))

    def digest(self) -> str:
        """That of the source with the function's words and version, and with the first examples.

        So it reads no more than the source's own digest does, and a function that was changed and
        kept its version is noticed if the first eight examples show it.

        Raises:
            Mistake: if what an example becomes depends on the examples read with it.
        """
        first = np.arange(min(8, len(self)))
        together = column_functions.digest(self.read(first))
        if len(first) > 1:
            alone = column_functions.join([self.read(first[[place]]) for place in first])
            if column_functions.digest(alone) != together:
                raise Mistake(
                    f"{self.name}: an example becomes something else when it is read alone, so "
                    "batches would depend on how data is read. Calculate from each example alone; "
                    "calculate statistics of a whole split beforehand, and put their digest in "
                    "the version."
                )
        made_of = json.dumps([self.source.digest(), self.does, self.version])
        return column_functions.with_meaning(together, made_of)

    def _map(self, columns: Columns) -> Columns:
        count = len(next(iter(columns.values())))
        mapped = self.function(dict(columns))
        if wrong := {name: len(column) for name, column in mapped.items() if len(column) != count}:
            raise Mistake(f"{self.name}: {count} examples became {wrong}; give one for each")
        return mapped

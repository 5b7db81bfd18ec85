"""Those examples of a source that a predicate keeps."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from research.data.bar import Tell
from research.data.columns import Columns, pick
from research.data.sources.functions import describe
from research.data.sources.kept import checksum_of, find_once, in_parts
from research.data.sources.wrapping import digest_of, require_each_alone, require_inside
from research.engine.experiment import Source
from research.errors import Mistake

FORMAT = 1
"""Changes whenever the same predicate would be asked otherwise."""


@dataclasses.dataclass(frozen=True, eq=False)
class Filtered:
    """The examples of another source that are kept, in its order.

    Which these are is found once, in a pass over the source with a progress bar. Their rows are
    kept in `ENCORE_CACHE_DIR`, 8 bytes each, by the source's digest, the predicate's name, version
    and source text, and the values that it uses. From then on reading is by random access, and the
    number of examples is known.

    Attributes:
        source: what is read.
        keep: columns of some examples -> bool `[n]`, whether each is kept. Pure, and of each
            example by itself.
        does: what is kept, in a few words: `only with a price`.
        version: to be changed whenever the predicate gives something else for the same examples,
            and its text does not show it.
    """

    source: Source
    keep: Callable[[Columns], Any]
    does: str
    version: str = "1"

    @property
    def name(self) -> str:
        """`houses.csv (CSV), only with a price`."""
        return f"{self.source.name}, {self.does}"

    @functools.cached_property
    def _made_of(self) -> list[Any]:
        return ["filtered", FORMAT, self.does, self.version, describe(self.keep)]

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        def kept(index: np.ndarray) -> Columns:
            return {"kept": self._ask(self.source.read(index))}

        count = len(self.source)
        require_each_alone(self.name, kept, count, "is kept or not in another way")
        rows = find_once(json.dumps([self.source.digest(), *self._made_of]), self._find)
        if not len(rows):
            raise Mistake(f"{self.name}: of {count:,} examples none is kept")
        return rows

    def _find(self, tell: Tell) -> Iterator[np.ndarray]:
        for start, columns in in_parts(self.source, f"filtering {self.source.name}", tell):
            yield start + np.flatnonzero(self._ask(columns))

    def _ask(self, columns: Columns) -> np.ndarray:
        count = len(next(iter(columns.values())))
        kept = np.asarray(self.keep(dict(columns)))
        if kept.dtype != bool or kept.shape != (count,):
            raise Mistake(
                f"{self.name}: of {count} examples the predicate gives {kept.dtype} "
                f"{[*kept.shape]}; give a bool for each"
            )
        return kept

    def __len__(self) -> int:
        """The number of examples that are kept.

        Raises:
            Mistake: if that is none, or the predicate is none of each example by itself.
        """
        return len(self._rows)

    def load(self) -> Columns:
        """All that are kept, copied."""
        return pick(self.source.load(), self._rows)

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`) of those that are kept, by random access.

        Raises:
            IndexError: if an index is out of range.
        """
        return self.source.read(np.asarray(self._rows[require_inside(self, index)]))

    def digest(self) -> str:
        """That of the source with the predicate, as in the cache, and with the rows kept."""
        return digest_of((self.source,), *self._made_of, checksum_of(self._rows))

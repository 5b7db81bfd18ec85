"""Files as a source: sets of any size, in any format, by random access.

    train = Files("data/train-*.tfrecord", TFRecord())
    train = Files(("data/2024.csv", "data/2025.csv.gz"), CSV())

Their index is made once (`research.data.file_sets.index`). From then on a read of some examples
touches only these.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from research.data import cache as decoded_cache
from research.data import columns as column_functions
from research.data.bar import Bar
from research.data.columns import Columns
from research.data.file_sets.index import Index, Part, key_of, open_index
from research.data.file_sets.shards import Shard, find_shards, require_unchanged
from research.data.formats.format import PART, Broken, Format, Forms, Unreadable, none_of
from research.data.formats.kinds import Damage
from research.errors import Damaged
from research.places import cache_directory


@dataclasses.dataclass(frozen=True, eq=False)
class Files:
    """The records of one or several files, one after another.

    Making one reads nothing. Every method may raise `Mistake` where there are no such files or no
    records, and `Damaged` where a file is broken, or changed since it was opened. Several threads
    may read at once, and a copy may be sent to another process.

    Attributes:
        paths: a path, a glob (`data/train-*.csv`) or a URL that fsspec knows, or several. Those
            that a glob matches are sorted by name.
        format: how records lie in them: `TFRecord()`, `CSV()`, ...
        damaged: what to do about records that cannot be read: `stop` with a message that names the
            first; or `skip` them all. How many were skipped, and which, is then part of the digest.
    """

    paths: str | tuple[str, ...]
    format: Format
    damaged: Damage = "stop"

    @property
    def name(self) -> str:
        """`data/train-*.csv (CSV)`."""
        paths = (self.paths,) if isinstance(self.paths, str) else self.paths
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        return f"{', '.join(paths[:3])}{more} ({self.format.title})"

    @functools.cached_property
    def _shards(self) -> list[Shard]:
        return find_shards((self.paths,) if isinstance(self.paths, str) else self.paths)

    @functools.cached_property
    def _key(self) -> str:
        return key_of(self._shards, self.format, self.damaged == "skip")

    @functools.cached_property
    def _index(self) -> Index:
        place = cache_directory() / "files" / self._key
        with Bar() as tell:
            return open_index(place, self._shards, self.format, self.damaged == "skip", tell)

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([part.records for part in self._index.parts])

    @property
    def forms(self) -> Forms:
        """Column -> dtype and shape of an example."""
        return self._index.forms

    @property
    def records(self) -> dict[str, int]:
        """File -> how many records it has."""
        return {part.shard.name: part.records for part in self._index.parts}

    @property
    def sizes(self) -> dict[str, int]:
        """File -> its size in bytes, as it lies there."""
        return {shard.name: shard.size for shard in self._shards}

    @property
    def left_out(self) -> int:
        """How many broken places were skipped."""
        return self._index.left_out

    @property
    def broken(self) -> tuple[tuple[str, Broken], ...]:
        """(file, what is broken there) of the first thousand of them."""
        return self._index.broken

    def class_names(self, column: str) -> tuple[str, ...]:
        """What the classes of a column are called, where the format has them; else empty."""
        return getattr(self.format, "classes", ()) if column == "label" else ()

    def __len__(self) -> int:
        """The number of examples."""
        return int(self._ends[-1])

    def where(self, index: int) -> str:
        """Where a person finds an example: `data/2024.csv: line 17`."""
        which = int(np.searchsorted(self._ends, index, "right"))
        part = self._index.parts[which]
        row = index - int(self._ends[which] - part.records)
        position = np.array([row]) if part.positions is None else part.positions[row]
        return f"{part.shard.name}: {self.format.where(part.path, position)}"

    def digest(self) -> str:
        """As `research.data.columns.digest`, of all that can be read."""
        return self._index.digest

    @functools.cached_property
    def _decoded(self) -> Columns | None:
        """All examples as memory-mapped arrays; None where the cache cannot be written."""
        place = cache_directory() / "files" / f"{self._key}-arrays"
        return decoded_cache.load(place, "content", len(self), self._parts)

    @functools.cached_property
    def _keeps(self) -> bool:
        """Whether examples are read from these arrays in any case."""
        numbers = none_of(self.forms).values()
        return self.format.kept_decoded == "always" or (
            self.format.kept_decoded == "numbers" and all(each.dtype != object for each in numbers)
        )

    def load(self) -> Columns:
        """All examples: column -> array `[examples, ...]`, read-only.

        They are decoded once and cached on disk (`ENCORE_CACHE_DIR`), and memory-mapped from there.
        """
        decoded = self._decoded
        return dict(decoded) if decoded is not None else column_functions.join([*self._parts()])

    def _parts(self) -> Iterator[Columns]:
        with Bar() as tell:
            for start in range(0, len(self), PART):
                yield self._read(np.arange(start, min(start + PART, len(self))))
                tell(f"decoding {self.name}", min(start + PART, len(self)), len(self))

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access.

        From the cache once `load` has opened it, or where the format has them kept there; else
        from the files: the same values.

        Raises:
            IndexError: if an index is out of range.
        """
        index = np.asarray(index)
        if not index.size:
            return none_of(self._index.forms)
        if index.min() < 0 or index.max() >= len(self):
            raise IndexError(f"{self.name} has {len(self)} examples")
        decoded = self._decoded if self._keeps else self.__dict__.get("_decoded")
        if decoded is not None:
            return column_functions.pick(decoded, index)
        return self._read(index)

    def _read(self, index: np.ndarray) -> Columns:
        # In ascending order: shard by shard, and from the beginning of each to its end.
        sorted_before = bool((index[1:] >= index[:-1]).all())
        order = np.arange(len(index)) if sorted_before else np.argsort(index, kind="stable")
        ascending = index[order]
        which = np.searchsorted(self._ends, ascending, "right")
        shards, starts = np.unique(which, return_index=True)
        parts = []
        for shard, rows in zip(shards.tolist(), np.split(ascending, starts[1:]), strict=True):
            part = self._index.parts[shard]
            parts.append(self._read_part(part, rows - (self._ends[shard] - part.records)))
        joined = column_functions.join(parts)
        if sorted_before:
            return joined
        back = np.empty(len(order), int)
        back[order] = np.arange(len(order))
        return column_functions.pick(joined, back)

    def _read_part(self, part: Part, rows: np.ndarray) -> Columns:
        require_unchanged(part.shard)
        positions = rows[:, None] if part.positions is None else part.positions[rows]
        try:
            return self.format.decode(part.path, positions, self._index.forms)
        except (Unreadable, OSError) as error:
            raise Damaged(
                f"{part.shard.name} cannot be read any more ({error}). It was whole when it was "
                "opened: check the disk, and get the file anew."
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        """What a process needs that is given a copy: not the arrays, which it maps for itself."""
        return Files, (self.paths, self.format, self.damaged)

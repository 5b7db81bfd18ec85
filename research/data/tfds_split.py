"""One split of a tfds data set, as a source."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.data.prepared import Prepared, Slice, locate
from research.data.sources.wrapping import inner_sources
from research.engine.experiment import Source
from research.errors import Mistake


@dataclasses.dataclass(frozen=True)
class TfdsSplit:
    """A split as tfds spells it. Making one reads nothing.

    Every method may raise `Mistake` where the data set is not prepared (told at once, without
    the network) or has no such split, and `Damaged` where its files are.

    Attributes:
        dataset: `mnist`, `mnist:3.0.1`, `imdb_reviews/plain_text`; `encore_digits` prepares itself.
        split: `train`, `train[:55000]`, `train[10%:]`, `train[:1000]+test`.
        features: the columns wanted, by name; all where empty. Lists of texts are never read, nor
            are lists of lists.
        padded: ragged column (`objects/bbox`) -> elements that each example is padded to, as
            `research.data.columns.pad_column` does it; a column `objects/bbox/count` is added.
    """

    dataset: str
    split: str
    features: tuple[str, ...] = ()
    padded: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)

    @functools.cached_property
    def _prepared(self) -> Prepared:
        return locate(self.dataset)

    @functools.cached_property
    def _slices(self) -> list[Slice]:
        return self._prepared.slices(self.split)

    @property
    def name(self) -> str:
        """`fashion_mnist/3.0.1 train[:55000]`."""
        chosen = [*self.features, *(f"{name} padded to {n}" for name, n in self.padded.items())]
        return f"{self._prepared.name} {self.split}" + (f" ({', '.join(chosen)})" if chosen else "")

    def __len__(self) -> int:
        """The number of examples."""
        return sum(part.stop - part.start for part in self._slices)

    @property
    def splits(self) -> dict[str, int]:
        """The splits that the data set has, and how many examples each."""
        splits = self._prepared.builder.info.splits
        return {name: splits[name].num_examples for name in splits}

    @property
    def records(self) -> dict[str, int]:
        """File -> how many records it has, of each split that this one is a part of."""
        splits = self._prepared.builder.info.splits
        infos = [splits[name] for name in dict.fromkeys(part.split for part in self._slices)]
        pairs = (zip(info.filepaths, info.shard_lengths, strict=True) for info in infos)
        return {str(path): records for path, records in itertools.chain.from_iterable(pairs)}

    def class_names(self, column: str) -> tuple[str, ...]:
        """What tfds calls the classes of a column of class numbers; empty where it has no names."""
        feature: Any = self._prepared.builder.info.features
        try:
            for name in column.split("/"):
                feature = feature[name]
        except (KeyError, TypeError):
            return ()
        return tuple(getattr(feature, "names", None) or ())

    @functools.cached_property
    def _decoded(self) -> list[Columns] | None:
        """Each slice, memory-mapped; None where the cache cannot be written."""
        slices = []
        for split, start, stop in self._slices:
            if (whole := self._prepared.cached(split)) is None:
                return None
            slices.append({name: column[start:stop] for name, column in whole.items()})
        return slices

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to a worker process: nothing that is open but the cache's mapped files."""
        kept = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        decoded = self.__dict__.get("_decoded") or ()
        columns = [column for part in decoded for column in part.values()]
        if columns and all(isinstance(column, np.memmap) for column in columns):
            kept["_decoded"] = decoded
        return kept

    def load(self) -> dict[str, np.ndarray]:
        """All examples, decoded: column -> array `[examples, ...]`, read-only.

        Whole splits are decoded once and cached on disk (`ENCORE_CACHE_DIR`); their slices share
        that. A slice is memory-mapped, a sum of slices is copied. Text is a column of dtype
        object that holds `bytes`.
        """
        decoded = self._decoded if self._decoded is not None else [*self._parts()]
        if not len(self):
            return self.read(np.arange(0))
        return self._chosen(column_functions.join(decoded))

    def _parts(self) -> Iterator[Columns]:
        return itertools.chain.from_iterable(map(self._prepared.parts, self._slices))

    def read(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """The examples at `index` (int `[n]`), decoded, by random access.

        From the cache once `load` or `digest` has opened it, else decoded by tfds; the same
        values. Several threads may read at once.

        Raises:
            IndexError: if an index is out of range.
        """
        index = np.asarray(index)
        if index.size and not (index.min() >= 0 and index.max() < len(self)):
            raise IndexError(f"{self.name} has {len(self)} examples")
        decoded = self.__dict__.get("_decoded")
        ends = np.cumsum([part.stop - part.start for part in self._slices])
        which = np.searchsorted(ends, index, side="right")
        order, parts = [], []
        for number, (split, start, stop) in enumerate(self._slices):
            (here,) = np.nonzero(which == number)
            if not here.size:
                continue
            within = index[here] - (ends[number] - (stop - start))
            order.append(here)
            parts.append(
                column_functions.pick(decoded[number], within)
                if decoded is not None
                else self._prepared.read(split, within + start)
            )
        if not parts:
            some = self._prepared.read(self._slices[0].split, np.array([0]))
            return {name: column[:0] for name, column in self._chosen(some).items()}
        joined = column_functions.join(parts)
        if len(parts) > 1:
            joined = column_functions.pick(joined, np.argsort(np.concatenate(order)))
        return self._chosen(joined)

    def digest(self) -> str:
        """As `research.data.columns.digest`, of the decoded content."""
        state = column_functions.Digest()
        for part in self._decoded if self._decoded is not None else self._parts():
            state.update(self._chosen(part))
        return state.hexdigest()

    def _chosen(self, columns: Columns) -> Columns:
        if unknown := [name for name in (*self.features, *self.padded) if name not in columns]:
            raise Mistake(
                f"{self._prepared.name} has no column {', '.join(unknown)}; "
                f"it has {', '.join(sorted(columns))}"
            )
        chosen = dict.fromkeys((*self.features, *self.padded)) if self.features else columns
        columns = {name: columns[name] for name in chosen}
        for name, length in self.padded.items():
            columns = column_functions.pad_column(columns, name, length, self._prepared.name)
        return columns


def class_names(source: Source, column: str, classes: int) -> tuple[str, ...]:
    """The names of so many classes in a column: the data set's own where it knows them."""
    names = known_classes(source, column)
    return names if len(names) == classes else tuple(map(str, range(classes)))


def known_classes(source: Source, column: str) -> tuple[str, ...]:
    """The names of the classes in a column, where a source or one that it is made of has them.

    Such a source has a method `class_names`. Empty where none has.
    """
    named = getattr(source, "class_names", None)
    if named is not None and (names := named(column)):
        return tuple(names)
    inner = (known_classes(each, column) for each in inner_sources(source))
    return next(filter(None, inner), ())

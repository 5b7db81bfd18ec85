"""Ragged columns of a source made equally long."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from research.data.bar import Tell
from research.data.columns import Columns, as_objects, is_text, pad_column
from research.data.sources.kept import find_once, in_parts
from research.data.sources.wrapping import digest_of
from research.engine.experiment import Source
from research.errors import Mistake

FORMAT = 1
"""Changes whenever something else would be found in the same source."""


@dataclasses.dataclass(frozen=True, eq=False)
class Padded:
    """A source whose ragged columns are filled up with zeros at their ends.

    Beside each stands a column `<name>/count`, int32: how many elements of an example are real.
    Inside a model `jnp.arange(length) < count[:, None]` is the mask.

        Padded(reviews, {"token": 200}, longer="cut")

    Attributes:
        source: what is read.
        lengths: ragged column -> elements that each example is made to have. None stands for those
            of the longest example, which is found once, in a pass over the source, and kept in
            `ENCORE_CACHE_DIR`.
        longer: what becomes of longer examples: `refuse` ends the run with a message that says how
            long one is; `cut` leaves out what is behind the length.
    """

    source: Source
    lengths: Mapping[str, int | None]
    longer: Literal["refuse", "cut"] = "refuse"

    def __post_init__(self) -> None:
        if not self.lengths:
            raise ValueError("name the columns to be padded: {'token': 200}")
        for name, length in self.lengths.items():
            if length is not None and length < 1:
                raise ValueError(f"column {name!r}: a length is at least 1, not {length}")

    @property
    def name(self) -> str:
        """`reviews.tfrecord (TFRecord), token padded to 200`."""
        each = [f"{name} padded to {n or 'the longest'}" for name, n in self.lengths.items()]
        return f"{self.source.name}, {', '.join(each)}"

    @functools.cached_property
    def padded_to(self) -> dict[str, int]:
        """Column -> elements of each of its examples."""
        unknown = sorted(name for name, length in self.lengths.items() if length is None)
        found: dict[str, int] = {}
        if unknown:
            key = json.dumps([self.source.digest(), "longest", FORMAT, unknown])
            longest = find_once(key, lambda tell: self._find(unknown, tell))
            found = dict(zip(unknown, longest.tolist(), strict=True))
        return {name: length or max(1, found[name]) for name, length in self.lengths.items()}

    def _find(self, names: list[str], tell: Tell) -> Iterator[np.ndarray]:
        longest = np.zeros(len(names), np.int64)
        for _, columns in in_parts(self.source, f"measuring {self.source.name}", tell):
            self._require(columns)
            here = [max(map(len, columns[name]), default=0) for name in names]
            longest = np.maximum(longest, here)
        yield longest

    def __len__(self) -> int:
        """The number of examples, that of the source."""
        return len(self.source)

    def load(self) -> Columns:
        """All examples, padded.

        Raises:
            Mistake: as `read`.
        """
        return self._pad(self.source.load())

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access.

        Raises:
            Mistake: if there is no such column, it is not ragged, an example is longer and nothing
                is to be cut, or examples differ in more than their length.
        """
        if not np.size(index) and len(self):
            # No example does not show what its column holds: one does.
            return {name: column[:0] for name, column in self.read(np.arange(1)).items()}
        return self._pad(self.source.read(index))

    def digest(self) -> str:
        """That of the source with the lengths, and what becomes of longer examples.

        Raises:
            Mistake: as `read`, of the first example.
        """
        self.read(np.arange(min(1, len(self))))
        return digest_of((self.source,), "padded", sorted(self.padded_to.items()), self.longer)

    def _pad(self, columns: Columns) -> Columns:
        self._require(columns)
        for name, length in self.padded_to.items():
            column = columns[name]
            if self.longer == "cut" and column.dtype == object and not is_text(column):
                columns = {**columns, name: as_objects([each[:length] for each in column])}
            columns = pad_column(columns, name, length, self.name)
        return columns

    def _require(self, columns: Columns) -> None:
        if lacking := [name for name in self.lengths if name not in columns]:
            raise Mistake(
                f"{self.source.name} has no column {', '.join(lacking)}; "
                f"it has {', '.join(sorted(columns))}"
            )

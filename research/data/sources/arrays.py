"""A source over arrays in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySource:
    """Examples that are already arrays. They must not change afterwards.

    Attributes:
        name: what a person calls it.
        columns: column -> array `[examples, ...]`, equally long. A memory-mapped array (as
            `TfdsSplit.load` gives) stays on disk until it is read.
        meaning: a digest of what its numbers stand for, as a vocabulary's; "" where they are
            themselves.

    Raises:
        ValueError: if there is no column, or the lengths differ.
    """

    name: str
    columns: Mapping[str, np.ndarray]
    meaning: str = ""

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{self.name}: columns must be equally long, and are {lengths}")

    def __len__(self) -> int:
        """The number of examples."""
        return len(next(iter(self.columns.values())))

    def load(self) -> Columns:
        """All columns, not copied."""
        return dict(self.columns)

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`)."""
        return column_functions.pick(self.columns, np.asarray(index))

    def digest(self) -> str:
        """As `research.data.columns.digest`; the content's with its meaning."""
        whole = column_functions.digest(self.columns)
        return column_functions.with_meaning(whole, self.meaning) if self.meaning else whole

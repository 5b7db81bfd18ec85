"""Several passes over a source, each with rows of its own: what draws gives something else in each.

    train = Mapped(Repeated(photos, config.epochs), crop, "crops", seed=0)
    rows = shuffled_rows(len(photos), batch_size, passes=config.epochs)

So an example's crop in an epoch follows from its row, and from nothing else: it is the same with
any number of workers, after a resume, and with all rows on the device.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from research.data.columns import Columns, join
from research.data.sources.wrapping import digest_of, require_inside
from research.engine.experiment import Source


@dataclasses.dataclass(frozen=True, eq=False)
class Repeated:
    """The examples of a source, so many times over.

    Row `k * len(source) + i` is example i in pass k.

    Attributes:
        source: what is repeated.
        passes: how often, at least once.
    """

    source: Source
    passes: int

    def __post_init__(self) -> None:
        if self.passes < 1:
            raise ValueError(f"passes is {self.passes}; it must be at least 1")

    @property
    def name(self) -> str:
        """`mnist/3.0.1 train, 10 times`."""
        return f"{self.source.name}, {self.passes:,} times"

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.source) * self.passes

    def load(self) -> Columns:
        """All rows: as much memory as passes."""
        return join([self.source.load()] * self.passes)

    def read(self, index: np.ndarray) -> Columns:
        """The rows at `index` (int `[n]`), by random access.

        Raises:
            IndexError: if an index is out of range.
        """
        return self.source.read(require_inside(self, index) % max(1, len(self.source)))

    def digest(self) -> str:
        """That of the source with the passes."""
        return digest_of((self.source,), "repeated", self.passes)

"""Several sources side by side: images of one file with labels of another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from research.data.columns import Columns
from research.data.sources.wrapping import digest_of, require_sources
from research.engine.experiment import Source
from research.errors import Mistake


@dataclasses.dataclass(frozen=True, eq=False)
class Joined:
    """The columns of several sources of one length: example i has those of example i of each.

        Joined((Files("images.idx", Idx("image")), Files("labels.idx", Idx("label"))))

    Attributes:
        sources: at least one.
    """

    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        require_sources(self.sources, "Joined")

    @property
    def name(self) -> str:
        """`images.idx (IDX) with labels.idx (IDX)`."""
        return " with ".join(source.name for source in self.sources)

    def __len__(self) -> int:
        """The number of examples of each.

        Raises:
            Mistake: if the sources differ in it.
        """
        lengths = [len(source) for source in self.sources]
        if len(set(lengths)) > 1:
            both = ", ".join(
                f"{n:,} in {s.name}" for n, s in zip(lengths, self.sources, strict=True)
            )
            raise Mistake(
                f"sources side by side must have as many examples each, and there are {both}. "
                "Where one has broken records that are skipped (damaged='skip'), so that examples "
                "no longer belong together, correct its file"
            )
        return lengths[0]

    def load(self) -> Columns:
        """All examples of all.

        Raises:
            Mistake: if lengths differ, or two sources have a column of one name.
        """
        return self._merge(lambda source: source.load())

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access.

        Raises:
            Mistake: as `load`.
        """
        return self._merge(lambda source: source.read(index))

    def digest(self) -> str:
        """Those of the sources in their order.

        Raises:
            Mistake: as `load`.
        """
        self.read(np.arange(min(1, len(self))))
        return digest_of(self.sources, "joined")

    def _merge(self, columns_of: Callable[[Source], Columns]) -> Columns:
        len(self)
        merged: Columns = {}
        owner: dict[str, str] = {}
        for source in self.sources:
            columns = columns_of(source)
            for name in columns:
                if name in owner:
                    raise Mistake(
                        f"{owner[name]} and {source.name} both have a column {name!r}: name it "
                        "otherwise in one of them, or leave it out"
                    )
                owner[name] = source.name
            merged |= columns
        return merged

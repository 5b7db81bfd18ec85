"""Several sources end to end."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from research.data.columns import Columns, Form, join, pick
from research.data.sources.wrapping import digest_of, require_inside, require_sources
from research.engine.experiment import Source
from research.errors import Mistake


@dataclasses.dataclass(frozen=True, eq=False)
class Chained:
    """The examples of several sources, one source after another.

    All must have the same columns, of one dtype and shape: a source that reads the same form from
    one folder, or in one format, is a `Files` of several paths.

    Attributes:
        sources: at least one.
    """

    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        require_sources(self.sources, type(self).__name__)

    @property
    def name(self) -> str:
        """`one (CSV), then another (Parquet)`."""
        return ", then ".join(source.name for source in self.sources)

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([len(source) for source in self.sources])

    def __len__(self) -> int:
        """The number of examples of all."""
        return int(self._ends[-1])

    def load(self) -> Columns:
        """All examples, copied.

        Raises:
            Mistake: if the columns of two sources differ.
        """
        return self._join([(k, source.load()) for k, source in enumerate(self.sources)])

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access.

        Raises:
            IndexError: if an index is out of range.
            Mistake: if the columns of two sources differ.
        """
        index = require_inside(self, index)
        which = np.searchsorted(self._ends, index, "right")
        parts, places = [], []
        for number in np.unique(which).tolist():
            (here,) = np.nonzero(which == number)
            source = self.sources[number]
            parts.append((number, source.read(index[here] - (self._ends[number] - len(source)))))
            places.append(here)
        if not parts:
            return self.sources[0].read(index)
        back = np.argsort(np.concatenate(places))
        return pick(self._join(parts), back)

    def digest(self) -> str:
        """Those of the sources in their order.

        Raises:
            Mistake: if the columns of two sources differ.
        """
        first = np.arange(1)
        self._join([(k, each.read(first)) for k, each in enumerate(self.sources) if len(each)])
        return digest_of(self.sources, "chained")

    def _join(self, parts: list[tuple[int, Columns]]) -> Columns:
        forms = [(number, _forms(columns)) for number, columns in parts]
        for number, each in forms:
            if each != forms[0][1]:
                one, other = self.sources[forms[0][0]], self.sources[number]
                raise Mistake(
                    f"two sources end to end have different columns: {one.name} has "
                    f"{_spell(forms[0][1])}; {other.name} has {_spell(each)}. Make them alike by a "
                    "function (Mapped), or read only what both have"
                )
        return join([columns for _, columns in parts])


def _forms(columns: Columns) -> dict[str, Form]:
    return {name: Form(columns[name].dtype, columns[name].shape[1:]) for name in sorted(columns)}


def _spell(forms: dict[str, Form]) -> str:
    return ", ".join(
        f"{name} (of any length)" if form.dtype == object else f"{name} {form.dtype}{[*form.shape]}"
        for name, form in forms.items()
    )

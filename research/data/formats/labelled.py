"""A format whose records have a class: what lies outside the classes is a broken record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.columns import Columns
from research.data.formats.format import Format, Forms, Found, KeptDecoded, Unreadable


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Another format, read as it is, but for records whose label is none of the classes.

    So a wrong label is found where a wrong checksum is: when the files are gone through, before
    anything learns from them, and with its file and place.

        Files("cifar/*.bin", Labelled(CIFAR10, "label", 10))

    Attributes:
        format: how records lie in a file.
        column: of the labels, whole numbers.
        classes: how many there are; labels count from 0.
    """

    format: Format
    column: str
    classes: int

    @property
    def title(self) -> str:
        """That of the format."""
        return self.format.title

    @property
    def by_number(self) -> bool:
        """As `Format.by_number`."""
        return self.format.by_number

    @property
    def kept_decoded(self) -> KeptDecoded:
        """As `Format.kept_decoded`."""
        return self.format.kept_decoded

    @property
    def encoding(self) -> str:
        """As `Format.encoding`."""
        return self.format.encoding

    def settings(self) -> dict[str, Any]:
        """Those of the format, and the classes."""
        return {**self.format.settings(), "classes": {self.column: self.classes}}

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`."""
        return self.format.is_gzip(name, head)

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`."""
        return self.format.scan(path)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        return self.format.infer(path, positions)

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`; a label that is none of the classes cannot be read."""
        columns = self.format.decode(path, positions, forms)
        label = columns[self.column]
        if len(wrong := label[(label < 0) | (label >= self.classes)]):
            raise Unreadable(
                f"its {self.column} is {wrong[0]}, and there are {self.classes} classes, "
                f"0 to {self.classes - 1}"
            )
        return columns

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return self.format.where(path, position)

"""What a file format is: where the records of a file lie, and how some of them are decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from research.data.columns import Columns, Form, as_objects

Forms: TypeAlias = Mapping[str, Form]
"""Column -> its form."""

TEXT = Form(np.dtype(object), ())
"""The form of a column of `bytes`."""

KeptDecoded: TypeAlias = Literal["never", "numbers", "always"]
"""`numbers`: where all columns are numbers of one shape, which stay on disk until they are read. Of
others, texts above all, the arrays lie in memory."""

PART = 1024
"""Records that are decoded at once where all are."""


class Unreadable(ValueError):
    """Records that cannot be decoded. The message is the reason, in a few words."""


class Misfit(Unreadable):
    """A file as a whole has not the columns that are read."""


class Broken(NamedTuple):
    """A place in a file that cannot be read.

    Attributes:
        where: `record at byte 1,234`, `line 17`.
        what: what is wrong there.
    """

    where: str
    what: str


class Found(NamedTuple):
    """Some records of a file, in its order.

    Attributes:
        positions: int64 `[records, k]`, what a format needs to find each again.
        broken: what was found broken among them.
        bytes_done: how much of the file has been gone through.
    """

    positions: np.ndarray
    broken: list[Broken]
    bytes_done: int


class Format(Protocol):
    """How records lie in a file. A value: two that are equal decode the same.

    What is read is always an uncompressed file on this machine: `research.data.file_sets.plain`.
    """

    @property
    def title(self) -> str:
        """What a person calls it: `TFRecord`."""

    @property
    def by_number(self) -> bool:
        """Whether a record's position is its number in the file, so that no index is needed."""

    @property
    def kept_decoded(self) -> KeptDecoded:
        """Whether arrays of all examples are kept in the cache, and read from there."""

    @property
    def encoding(self) -> str:
        """Of a text file; "" where bytes are read as they are."""

    def settings(self) -> dict[str, Any]:
        """All that decides what is decoded, as JSON values."""

    def is_gzip(self, name: str, head: bytes) -> bool:
        """Whether a file of this name, that begins with `head` (up to 64 bytes), is compressed."""

    def scan(self, path: Path) -> Iterator[Found]:
        """The records of a file, about `PART` at a time.

        Raises:
            Unreadable: if the file as a whole is not of this format.
        """

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """The forms of the columns: given ones, or those that fit all records of this file.

        Records that cannot be decoded are passed over.

        Raises:
            Mistake: if no column can be made of them.
        """

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """Some records, at least one, in ascending order of position.

        Raises:
            Unreadable: if one of them is broken or not of these forms.
        """

    def where(self, path: Path, position: np.ndarray) -> str:
        """How a person finds a record: `record at byte 1,234`."""


def forms_to_json(forms: Forms) -> dict[str, Any]:
    """Forms as JSON values."""
    return {
        name: ["text" if form.dtype == object else np.dtype(form.dtype).str, list(form.shape)]
        for name, form in forms.items()
    }


def forms_from_json(values: Mapping[str, Any]) -> dict[str, Form]:
    """The inverse of `forms_to_json`."""
    return {
        name: TEXT if dtype == "text" else Form(np.dtype(dtype), tuple(shape))
        for name, (dtype, shape) in values.items()
    }


def none_of(forms: Forms) -> Columns:
    """Columns without an example."""
    return {
        name: as_objects([])
        if form.dtype == object or None in form.shape
        else np.empty((0, *(size or 0 for size in form.shape)), form.dtype)
        for name, form in forms.items()
    }

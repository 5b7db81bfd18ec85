"""Tar files as WebDataset has them.

Files next to each other of one name, but for what follows its first dot, are one example:
`0001.jpg`, `0001.cls`.
"""

from __future__ import annotations

import dataclasses
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from research.data.columns import Columns, Form, as_objects
from research.data.formats.format import (
    PART,
    TEXT,
    Broken,
    Forms,
    Found,
    KeptDecoded,
    Unreadable,
    forms_to_json,
)
from research.data.formats.pictures import decode_picture
from research.data.formats.spans import read_spans

_PICTURES = ("jpg", "jpeg", "png", "webp", "ppm")
_BLOCK = 512


@dataclasses.dataclass(frozen=True)
class Tar:
    """How tar shards are read. Compressed ones (gzip) are recognised.

    Attributes:
        columns: column -> form, of those wanted; what follows a name's first dot is its column.
            `TEXT` is a file's bytes. Another form is a number, written in digits as `cls` files
            are, or of `jpg`, `png` and the like its pixels, uint8 `[height, width, channels]`.
            Where none is given, all that the first example has are read as they are.
    """

    columns: Forms = dataclasses.field(default_factory=dict, hash=False)

    title = "tar"
    by_number = False
    kept_decoded: KeptDecoded = "never"
    encoding = ""

    def __post_init__(self) -> None:
        for name, form in self.columns.items():
            picture = name.rpartition(".")[2] in _PICTURES
            kind = np.dtype(form.dtype)
            if form.shape and not (picture and kind == np.uint8 and len(form.shape) == 3):
                raise ValueError(f"column {name!r}: a file is a text, a number, or a picture")

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return {"columns": forms_to_json(self.columns)}

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: a tar file begins with a name."""
        return head[:3] == b"\x1f\x8b\x08"

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`: a position is where an example begins, and how many bytes it has."""
        found: list[tuple[int, int]] = []
        key, start, end = "", 0, 0
        with path.open("rb") as file:
            try:
                for member in _members(file):
                    begin, end = member.offset, member.offset_data + _padded(member.size)
                    if (mine := _split(member.name)[0]) != key:
                        if key:
                            found.append((start, begin - start))
                        key, start = mine, begin
                    if len(found) == PART:
                        yield Found(_positions(found), [], begin)
                        found = []
            except (tarfile.TarError, ValueError, OverflowError) as error:
                what = f"{' '.join(str(error).split())}; what follows cannot be read"
                yield Found(_positions(found), [Broken(_at(start), what)], end)
                return
        if key:
            found.append((start, end - start))
        yield Found(_positions(found), [], end)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        first = next(iter(positions))[:1]
        return self.columns or dict.fromkeys(sorted(_files(path, first)[0]), TEXT)

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        samples = _files(path, positions)
        columns = {}
        for name, form in forms.items():
            if any(name not in files for files in samples):
                raise Unreadable(f"it has no file .{name}")
            values = [_value(files[name], name, form) for files in samples]
            ragged = np.dtype(form.dtype).kind == "O" or None in form.shape
            columns[name] = as_objects(values) if ragged else np.array(values, form.dtype)
        return columns

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return _at(int(position[0]))


def _members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The regular files of a tar file.

    Raises:
        tarfile.TarError: if a header is broken, or the file ends within what a header announces.
    """
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # else it would keep all of them
            if member.isfile():
                yield member
        # It takes a broken header for the end; there, blocks are zero.
        file.seek(tar.offset)
        if any(file.read(_BLOCK)):
            raise tarfile.ReadError(f"the header at byte {tar.offset:,} is broken")


def _files(path: Path, positions: np.ndarray) -> list[dict[str, bytes]]:
    """Column -> bytes, of each example."""
    samples = []
    for span in read_spans(path, *positions.T):
        files: dict[str, bytes] = {}
        try:
            for member in _members(io.BytesIO(span)):
                column = _split(member.name)[1]
                if column in files:
                    raise Unreadable(f"two of its files are called {member.name}")
                files[column] = span[member.offset_data : member.offset_data + member.size]
        except (tarfile.TarError, ValueError, OverflowError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(str(error)) from None
        samples.append(files)
    return samples


def _split(name: str) -> tuple[str, str]:
    """(what an example's files have in common, column) of a file's name."""
    folder, slash, base = name.rpartition("/")
    key, _, column = base.partition(".")
    return f"{folder}{slash}{key}", column


def _value(content: bytes, name: str, form: Form) -> Any:
    dtype = np.dtype(form.dtype)
    if dtype.kind == "O":
        return content
    if form.shape:
        return decode_picture(content, form.shape)
    try:
        number = int(content) if dtype.kind in "iu" else float(content)
        return np.array(number, dtype)
    except (ValueError, OverflowError):
        raise Unreadable(f"its file .{name} holds {content[:20]!r}, which is no {dtype}") from None


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _positions(found: list[tuple[int, int]]) -> np.ndarray:
    return np.array(found, np.int64).reshape(-1, 2)


def _at(offset: int) -> str:
    return f"example at byte {offset:,}"

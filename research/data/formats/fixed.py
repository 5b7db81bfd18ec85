"""Binary files of records of one length: any such file by a description, IDX files, `.npy`."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.data.columns import Columns, Form
from research.data.formats.format import PART, Broken, Forms, Found, KeptDecoded, Unreadable
from research.data.formats.spans import read_together

_FEW = 16
"""Numbers along an axis that are copied one by one, as arrays, with time to be gained."""


class Field(NamedTuple):
    """A part of a record.

    Attributes:
        dtype: of its numbers, with their byte order: `">f4"`; `"u1"` for bytes.
        shape: as it lies in the file, row by row.
        axes: which of these axes become the example's first, second, ...; all as they lie where
            empty. Planes `(3, 32, 32)` become pixels `[32, 32, 3]` by `(1, 2, 0)`.
    """

    dtype: str
    shape: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()


class Rows(NamedTuple):
    """How the records of a file lie: so many of a structured dtype, from byte `begin` on."""

    dtype: np.dtype
    begin: int
    records: int


class _Fixed(abc.ABC):
    """What files have in common whose records have one length."""

    by_number = True
    kept_decoded: KeptDecoded = "never"
    encoding = ""

    @abc.abstractmethod
    def rows(self, path: Path) -> Rows:
        """How the records of a file lie, according to what it says of itself."""

    def axes(self, name: str) -> tuple[int, ...]:
        """As `Field.axes`."""
        return ()

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: numbers may begin with any bytes, so the name decides."""
        return name.endswith(".gz") and head[:2] == b"\x1f\x8b"

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`."""
        rows, size = self.rows(path), path.stat().st_size
        there = max(0, size - rows.begin) // rows.dtype.itemsize
        left = size - rows.begin - rows.records * rows.dtype.itemsize
        broken = []
        if left:
            what = f"{left:,} bytes are left behind the last whole record"
            if left < 0:
                what = f"the file ends before; it should hold {rows.records:,} records"
            place = self.where(path, np.array([min(there, rows.records)]))
            broken.append(Broken(place, what))
        count = min(there, rows.records)
        for start in range(0, count, PART):
            stop = min(start + PART, count)
            done = rows.begin + stop * rows.dtype.itemsize
            yield Found(np.arange(start, stop)[:, None], [], done)
        if broken:
            yield Found(np.empty((0, 1), np.int64), broken, size)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`: what the description, or the head of the file, has."""
        return self._forms(self.rows(path))

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        rows = self.rows(path)
        if (mine := self._forms(rows)) != forms:
            raise Unreadable(f"its records are {_spell(mine)}, and were {_spell(forms)}")
        there = max(0, path.stat().st_size - rows.begin) // rows.dtype.itemsize
        numbers = positions[:, 0]
        if numbers[-1] >= there:
            raise Unreadable(f"it holds {there:,} records")
        size = rows.dtype.itemsize
        spans = read_together(path, rows.begin + numbers * size, np.full(len(numbers), size))
        records = spans.rows(size).view(rows.dtype)[:, 0]
        return {name: self._column(name, records[name]) for name in forms}

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        rows, number = self.rows(path), int(position[0])
        return f"record {number:,} (byte {rows.begin + number * rows.dtype.itemsize:,})"

    def _column(self, name: str, column: np.ndarray) -> np.ndarray:
        if axes := self.axes(name):
            column = column.transpose(0, *(axis + 1 for axis in axes))
        kept = np.empty(column.shape, column.dtype.newbyteorder("="))
        if axes and column.shape[-1] <= _FEW:
            # NumPy copies the last axis in its innermost loop, which would be too short.
            for place in range(column.shape[-1]):
                kept[..., place] = column[..., place]
        else:
            kept[...] = column
        return kept

    def _forms(self, rows: Rows) -> dict[str, Form]:
        assert rows.dtype.names is not None
        empty = np.empty(0, rows.dtype)
        columns = {name: self._column(name, empty[name]) for name in rows.dtype.names}
        return {name: Form(each.dtype, each.shape[1:]) for name, each in columns.items()}


@dataclasses.dataclass(frozen=True)
class Fixed(_Fixed):
    """Records of one length, one after another, as a description has them.

    Attributes:
        fields: column -> what it is, in the order of a record.
        head: bytes before the first record.
    """

    fields: Mapping[str, Field] = dataclasses.field(hash=False)
    head: int = 0

    title = "binary"

    def __post_init__(self) -> None:
        for name, field in self.fields.items():
            if np.dtype(field.dtype).kind not in "iufb" or 0 in field.shape:
                raise ValueError(f"field {name!r} has no numbers: {field}")
            if field.axes and sorted(field.axes) != list(range(len(field.shape))):
                raise ValueError(f"field {name!r}: axes {field.axes} do not order {field.shape}")
        if not self.fields:
            raise ValueError("a record needs a field")

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        fields = [[name, np.dtype(each.dtype).str, *each[1:]] for name, each in self.fields.items()]
        return {"fields": fields, "head": self.head}

    def axes(self, name: str) -> tuple[int, ...]:
        """As `Field.axes`."""
        return self.fields[name].axes

    def rows(self, path: Path) -> Rows:
        """As described; as many as there are."""
        dtype = np.dtype([(name, each.dtype, each.shape) for name, each in self.fields.items()])
        return Rows(dtype, self.head, max(0, path.stat().st_size - self.head) // dtype.itemsize)


CIFAR10 = Fixed({"label": Field("u1"), "image": Field("u1", (3, 32, 32), (1, 2, 0))})
"""CIFAR-10's binary version, 3,073 bytes a record: https://www.cs.toronto.edu/~kriz/cifar.html."""

_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


@dataclasses.dataclass(frozen=True)
class Idx(_Fixed):
    """IDX files, as MNIST has them: one array, of which each row becomes an example.

    Attributes:
        column: what the array is called.
    """

    column: str

    title = "IDX"

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return {"column": self.column}

    def rows(self, path: Path) -> Rows:
        """As its head has it: 0, 0, type, axes, and as many sizes (big endian, four bytes each)."""
        with path.open("rb") as file:
            head = file.read(4)
            axes = head[3] if len(head) == 4 else 0
            sizes = file.read(4 * axes)
        if head[:2] != b"\0\0" or head[2:3] not in map(bytes, [[each] for each in _IDX_TYPES]):
            raise Unreadable(f"this is no IDX file: it begins with {head.hex(' ')}")
        if not axes or len(sizes) < 4 * axes:
            raise Unreadable("its head is cut off, or has no axis")
        count, *shape = np.frombuffer(sizes, ">u4").tolist()
        return _rows(self.column, np.dtype(_IDX_TYPES[head[2]]), shape, 4 + 4 * axes, count)


@dataclasses.dataclass(frozen=True)
class Npy(_Fixed):
    """`.npy` files (numpy.lib.format): one array, of which each row becomes an example.

    Attributes:
        column: what the array is called. An array of records has its own columns.
    """

    column: str = "x"

    title = "npy"

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return {"column": self.column}

    def rows(self, path: Path) -> Rows:
        """As its head has it."""
        with path.open("rb") as file:
            try:
                version = np.lib.format.read_magic(file)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }[version]
                shape, by_columns, dtype = read(file)
            except KeyError:
                raise Unreadable("its version of the npy format is not known") from None
            except Exception as error:  # the head is an expression in Python, of which any part may
                raise Unreadable(f"this is no npy file, or its head is broken: {error}") from None
            begin = file.tell()
        names = dtype.names or ()
        if by_columns and len(shape) > 1:
            raise Unreadable("it lies column by column; save np.ascontiguousarray(array)")
        if any(dtype[name].base.kind not in "iufb" for name in names) or (
            not names and dtype.kind not in "iufb"
        ):
            raise Unreadable(f"it holds {dtype}, and only numbers can be read")
        if not shape or min(shape) < 0 or (names and len(shape) > 1):
            raise Unreadable(f"its shape is {shape}, which has no rows of numbers")
        if names and 0 < dtype.itemsize < 2**31:
            return Rows(dtype, begin, shape[0])
        return _rows(self.column, dtype, shape[1:], begin, shape[0])


def _rows(name: str, dtype: np.dtype, shape: Iterable[int], begin: int, count: int) -> Rows:
    shape = tuple(shape)
    if len(shape) > 32 or not (0 < math.prod(shape) * dtype.itemsize < 2**31):
        raise Unreadable(f"an example of shape {shape} has no size that can be read")
    return Rows(np.dtype([(name, dtype, shape)]), begin, count)


def _spell(forms: Forms) -> str:
    return ", ".join(f"{name} {form.dtype}{list(form.shape)}" for name, form in forms.items())

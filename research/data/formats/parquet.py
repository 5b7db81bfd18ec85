"""Parquet files, read by row groups: what they are compressed in."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.columns import Columns, Form
from research.data.formats.format import (
    PART,
    TEXT,
    Forms,
    Found,
    KeptDecoded,
    Misfit,
    Unreadable,
    forms_to_json,
)
from research.data.formats.tables import column_of, is_number, is_text
from research.errors import Mistake


@dataclasses.dataclass(frozen=True)
class Parquet:
    """How Parquet files are read. A read of one row decompresses its row group.

    So all examples are decoded once, into the cache.

    Attributes:
        columns: column -> form, of those wanted. Where none is given all are read, as numbers of
            the dtype that they have, texts, and lists of numbers (ragged).
    """

    columns: Forms = dataclasses.field(default_factory=dict, hash=False)

    title = "Parquet"
    by_number = True
    kept_decoded: KeptDecoded = "always"
    encoding = ""

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return {"columns": forms_to_json(self.columns)}

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: such files are compressed inside."""
        return False

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`."""
        size, first = path.stat().st_size, 0
        groups = _groups(path)
        for number, rows in enumerate(groups):
            for start in range(first, first + rows, PART):
                stop = min(start + PART, first + rows)
                done = size * (number + (stop - first) / rows) / len(groups)
                yield Found(np.arange(start, stop)[:, None], [], int(done))
            first += rows

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`, from the schema; and from the values, where some are missing."""
        schema = _call(_schema, path)
        if self.columns:
            return self.columns
        forms: dict[str, Form] = {}
        for field in schema:
            forms[field.name] = _form(path, field)
        for group in range(len(_groups(path))):
            gaps = [name for name, form in forms.items() if np.dtype(form.dtype).kind in "iub"]
            try:
                table = _table(path, group, tuple(gaps))
            except Unreadable:
                continue
            for name in gaps:
                if not forms[name].shape and table.column(name).null_count:
                    forms[name] = Form(np.dtype(np.float64), ())
        return forms

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        names = _call(_schema, path).names
        if missing := [name for name in forms if name not in names]:
            raise Misfit(f"it has no column {', '.join(missing)}; it has {', '.join(names)}")
        if not self.columns and (extra := [name for name in names if name not in forms]):
            raise Misfit(
                f"it has a column more than other files: {', '.join(extra)}; name those to be read"
            )
        ends = np.cumsum(_groups(path))
        numbers = positions[:, 0]
        if numbers[-1] >= ends[-1]:
            raise Unreadable(f"it holds {ends[-1]:,} rows")
        parts = []
        for group in np.unique(np.searchsorted(ends, numbers, "right")).tolist():
            first = ends[group - 1] if group else 0
            rows = numbers[(numbers >= first) & (numbers < ends[group])] - first
            parts.append(_table(path, group, tuple(sorted(forms))).take(rows))
        import pyarrow as pa

        table = pa.concat_tables(parts)
        return {name: column_of(table.column(name), name, forms[name]) for name in sorted(forms)}

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return f"row {int(position[0]):,}"


def _form(path: Path, field: Any) -> Form:
    import pyarrow as pa

    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if is_text(kind):
        return TEXT
    if is_number(kind):
        return Form(np.dtype(kind.to_pandas_dtype()), ())
    if pa.types.is_fixed_size_list(kind) and is_number(kind.value_type):
        return Form(np.dtype(kind.value_type.to_pandas_dtype()), (kind.list_size,))
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and is_number(kind.value_type):
        return Form(np.dtype(kind.value_type.to_pandas_dtype()), (None,))
    raise Mistake(
        f"{path}: column {field.name!r} holds {kind}, which is no number, text or list of numbers; "
        "name the columns to be read (columns=...)"
    )


def _call(function: Any, path: Path, *arguments: Any) -> Any:
    """What a function makes of a file that has not changed since it was called before."""
    import pyarrow as pa

    facts = path.stat()
    try:
        return function(path, (facts.st_size, facts.st_mtime_ns), *arguments)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Unreadable(" ".join(str(error).split())[:300]) from None


def _groups(path: Path) -> list[int]:
    """The rows of each row group."""
    metadata = _call(_metadata, path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def _table(path: Path, group: int, columns: tuple[str, ...]) -> Any:
    return _call(_row_group, path, group, columns)


@functools.lru_cache(maxsize=1024)
def _metadata(path: Path, changed: tuple[int, int]) -> Any:
    from pyarrow import parquet

    return parquet.read_metadata(path)


@functools.lru_cache(maxsize=1024)
def _schema(path: Path, changed: tuple[int, int]) -> Any:
    from pyarrow import parquet

    return parquet.read_schema(path)


@functools.lru_cache(maxsize=2)
def _row_group(path: Path, changed: tuple[int, int], group: int, columns: tuple[str, ...]) -> Any:
    """A row group, kept while its rows are read some at a time."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read_row_group(group, columns=list(columns), use_threads=False)

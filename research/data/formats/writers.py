"""How examples are written in each format, and what each can hold."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.data.columns import Columns, Form
from research.data.formats.array_records import ArrayRecord
from research.data.formats.content import encode_columns
from research.data.formats.csv_files import CSV
from research.data.formats.fixed import Field, Fixed
from research.data.formats.format import TEXT, Format, Forms
from research.data.formats.parquet import Parquet
from research.data.formats.tfrecord import TFRecord, write_record
from research.engine.durable import NO_SPACE
from research.errors import Mistake

_GROUP = 1 << 25
"""Bytes from which a row group of Parquet is written: each read of a row decompresses its group."""


class Writer(NamedTuple):
    """How files of a format are written.

    Attributes:
        suffix: of their names.
        refuse: form -> why a column of it cannot be held; "" if it can.
        wanted: the format -> the forms that it names; all columns of a source where there are none.
        settle: (format, forms) -> the format that reads exactly these columns.
        write: (format, examples in parts, path) writes a file.
    """

    suffix: str
    refuse: Callable[[Form], str]
    wanted: Callable[[Any], Forms]
    settle: Callable[[Any, Forms], Any]
    write: Callable[[Any, Iterator[Columns], Path], None]


def writer_of(format: Format) -> Writer:
    """How a format is written.

    Raises:
        Mistake: it is only read.
    """
    if (writer := WRITERS.get(type(format))) is None:
        raise Mistake(f"{format.title} is only read; {_listed(WRITERS)} can be written")
    return writer


def settle_format(format: Format, forms: Forms, whose: str) -> Format:
    """The format that reads back what is written of columns of these forms.

    Raises:
        Mistake: it cannot hold one, or names other columns than there are; it calls them `whose`.
    """
    writer = writer_of(format)
    wanted = writer.wanted(format) or forms
    for name, form in wanted.items():
        if name not in forms:
            raise Mistake(f"{whose} has no column {name!r}; it has {', '.join(forms)}")
        require_holds(type(format), {name: forms[name]}, whose)
        if forms[name] != form:
            raise Mistake(
                f"column {name!r} of {whose} is {spell_form(forms[name])}, and is to be written as "
                f"{spell_form(form)}: change it first (Mapped)"
            )
    settled: Format = writer.settle(format, wanted)
    return settled


def require_holds(kind: type, forms: Forms, whose: str) -> None:
    """Raise a Mistake where a format cannot hold a column; it calls them `whose`."""
    for name, form in forms.items():
        if why := WRITERS[kind].refuse(form):
            able = [other for other, writer in WRITERS.items() if not writer.refuse(form)]
            can = f"; {_listed(able)} can" if able else ", nor can another format"
            raise Mistake(
                f"column {name!r} of {whose} holds {why}, which {_listed([kind])} cannot hold"
                f"{can}. Choose another format, leave the column out, or change it (Mapped)."
            )


def binary_of(forms: Forms, whose: str) -> Fixed:
    """Records of one length that hold columns of these forms.

    Raises:
        Mistake: one is not of numbers of one shape; it calls them `whose`.
    """
    require_holds(Fixed, forms, whose)
    return Fixed({name: Field(_little(form), _sizes(form)) for name, form in forms.items()})


def spell_form(form: Form) -> str:
    """`text`, `int64`, `uint8 [28, 28, 1]`, `int64 [any]`."""
    if form == TEXT:
        return "text"
    sizes = ", ".join("any" if size is None else str(size) for size in form.shape)
    return f"{np.dtype(form.dtype)} [{sizes}]" if form.shape else f"{np.dtype(form.dtype)}"


def _listed(kinds: Iterable[Any]) -> str:
    *others, last = [kind.title for kind in kinds]
    return f"{', '.join(others)} and {last}" if others else str(last)


def _little(form: Form) -> str:
    return np.dtype(form.dtype).newbyteorder("<").str


def _sizes(form: Form) -> tuple[int, ...]:
    return tuple(size or 0 for size in form.shape)


def _refuse_odd(form: Form) -> str:
    dtype = np.dtype(form.dtype)
    if form != TEXT and (dtype.kind not in "iufb" or dtype.itemsize > 8):
        return f"{dtype}, which are neither numbers nor texts (bytes)"
    if form.shape.count(None) > 1:
        return "examples that differ in more than one axis"
    return "examples of no elements" if 0 in form.shape else ""


def _refuse_arrays(form: Form) -> str:
    if form.shape:
        return f"arrays ({spell_form(form)})"
    return "float16" if form.dtype == np.float16 else _refuse_odd(form)


def _refuse_lengths(form: Form) -> str:
    if form == TEXT or None in form.shape:
        return "texts" if form == TEXT else "examples of any length"
    return _refuse_odd(form)


def _records(format: TFRecord | ArrayRecord, parts: Iterator[Columns]) -> Iterator[bytes]:
    if format.content == "sequence":
        raise Mistake(f"{format.title}: sequences are only read; write content='example'")
    for part in parts:
        yield from part["record"] if format.content == "bytes" else encode_columns(part)


def _write_tfrecord(format: TFRecord, parts: Iterator[Columns], path: Path) -> None:
    with path.open("wb") as file:
        for record in _records(format, parts):
            write_record(file, record)


def _write_array_record(format: ArrayRecord, parts: Iterator[Columns], path: Path) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    try:
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for record in _records(format, parts):
            writer.write(record)
        writer.close()
    except RuntimeError as error:  # of the system's errors, it keeps the words alone
        for code in NO_SPACE:
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code), str(path)) from None
        raise


def _write_parquet(format: Parquet, parts: Iterator[Columns], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    kinds: dict[str, Any] = {}
    waiting: list[Any] = []
    with path.open("wb") as file:
        writer = None
        for part in parts:
            for name, form in format.columns.items():
                kinds.setdefault(name, _arrow_type(part[name], form))
            arrays = [_arrow_array(part[name], name, kinds[name]) for name in kinds]
            waiting.append(pa.table(arrays, list(kinds)))
            if writer is None:
                schema = waiting[0].schema
                writer = parquet.ParquetWriter(file, schema, write_page_checksum=True)
            if sum(table.nbytes for table in waiting) >= _GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if writer is not None:
            if waiting:
                writer.write_table(pa.concat_tables(waiting))
            writer.close()


def _arrow_type(column: np.ndarray, form: Form) -> Any:
    import pyarrow as pa

    if form == TEXT:
        return pa.string() if all(map(_is_utf8, column)) else pa.binary()
    each = pa.from_numpy_dtype(np.dtype(form.dtype))
    if None in form.shape:
        return pa.list_(each)
    return pa.list_(each, int(np.prod(_sizes(form)))) if form.shape else each


def _arrow_array(column: np.ndarray, name: str, kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_string(kind):
        _require_utf8(column, name, "the first texts of this file are")
    if not pa.types.is_nested(kind):
        return pa.array(column, kind)
    if pa.types.is_fixed_size_list(kind):
        flat = pa.array(np.ascontiguousarray(column).reshape(-1), kind.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, kind.list_size)
    ends = np.cumsum([0, *(value.size for value in column)])
    flat = np.concatenate([value.reshape(-1) for value in column])
    flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(flat, kind.value_type))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _require_utf8(column: np.ndarray, name: str, why: str) -> None:
    for text in column:
        if not _is_utf8(text):
            raise Mistake(
                f"column {name!r} holds {text[:20]!r}, which is no text in UTF-8, as {why}. "
                f"{_listed([TFRecord, ArrayRecord])} hold any bytes."
            )


def _write_csv(format: CSV, parts: Iterator[Columns], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv

    style = "needed" if format.quote else "none"
    with path.open("wb") as file:
        header = not format.names
        for part in parts:
            arrays = {}
            for name in format.names or format.columns:
                if part[name].dtype == object:
                    _require_utf8(part[name], name, "CSV holds")
                    arrays[name] = pa.array(part[name], pa.string())
                else:
                    _require_one_nan(part[name], name)
                    arrays[name] = pa.array(part[name])
            options = csv.WriteOptions(
                include_header=header, delimiter=format.delimiter, quoting_style=style
            )
            try:
                csv.write_csv(pa.table(arrays), file, options)
            except pa.ArrowInvalid as error:
                raise Mistake(f"CSV without quotes cannot hold these texts: {error}") from None
            header = False


def _require_one_nan(column: np.ndarray, name: str) -> None:
    if column.dtype.kind != "f":
        return
    missing = column[np.isnan(column)]
    if missing.tobytes() != np.full_like(missing, np.nan).tobytes():
        raise Mistake(
            f"column {name!r} holds NaN of several bit patterns, and CSV has one: set them all to "
            f"numpy.nan (Mapped), or write {_listed([TFRecord, ArrayRecord, Parquet, Fixed])}"
        )


def _settle_csv(format: CSV, forms: Forms) -> CSV:
    if format.quote not in ('"', "") or format.encoding.lower() not in ("utf-8", "utf8"):
        raise Mistake("CSV is written in UTF-8, with double quotes")
    if format.names and sorted(format.names) != sorted(forms):
        raise Mistake(f"names are {', '.join(format.names)}, and columns {', '.join(forms)}")
    return dataclasses.replace(format, columns=forms)


def _write_fixed(format: Fixed, parts: Iterator[Columns], path: Path) -> None:
    dtype = np.dtype([(name, each.dtype, each.shape) for name, each in format.fields.items()])
    with path.open("wb") as file:
        file.write(bytes(format.head))
        for part in parts:
            rows = np.empty(len(next(iter(part.values()))), dtype)
            for name, field in format.fields.items():
                back = [0, *(1 + axis for axis in np.argsort(field.axes).tolist())]
                rows[name] = part[name].transpose(back) if field.axes else part[name]
            file.write(rows.tobytes())


def _forms_of_fields(format: Fixed) -> Forms:
    forms: dict[str, Form] = {}
    for name, field in format.fields.items():
        axes = field.axes or range(len(field.shape))
        shape = tuple(field.shape[axis] for axis in axes)
        forms[name] = Form(np.dtype(field.dtype).newbyteorder("="), shape)
    return forms


def _settle_content(format: TFRecord | ArrayRecord, forms: Forms) -> TFRecord | ArrayRecord:
    if format.content == "bytes" and forms != {"record": TEXT}:
        raise Mistake(f"content='bytes' is one text column 'record', not {', '.join(forms)}")
    return dataclasses.replace(format, features=forms)


def _settle_parquet(format: Parquet, forms: Forms) -> Parquet:
    return dataclasses.replace(format, columns=forms)


def _by_features(format: TFRecord | ArrayRecord) -> Forms:
    return format.features


def _by_columns(format: CSV | Parquet) -> Forms:
    return format.columns


WRITERS: Mapping[type, Writer] = {
    TFRecord: Writer(".tfrecord", _refuse_odd, _by_features, _settle_content, _write_tfrecord),
    ArrayRecord: Writer(
        ".array_record", _refuse_odd, _by_features, _settle_content, _write_array_record
    ),
    Parquet: Writer(".parquet", _refuse_odd, _by_columns, _settle_parquet, _write_parquet),
    CSV: Writer(".csv", _refuse_arrays, _by_columns, _settle_csv, _write_csv),
    Fixed: Writer(
        ".bin", _refuse_lengths, _forms_of_fields, lambda format, forms: format, _write_fixed
    ),
}

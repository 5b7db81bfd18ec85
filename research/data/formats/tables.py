"""Columns of Arrow tables, as those of CSV and Parquet files are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from research.data.columns import Form, as_objects
from research.data.formats.format import Unreadable


def column_of(array: Any, name: str, form: Form) -> np.ndarray:
    """An Arrow array as a column.

    A missing number is NaN where the dtype has one, a missing text is empty.

    Raises:
        Unreadable: if a value is missing and the dtype has none for that, or it is not of the form.
    """
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    dtype = np.dtype(form.dtype)
    if dtype.kind == "O":
        if not is_text(array.type):
            raise Unreadable(f"column {name!r} holds {array.type}, not text")
        values = array.cast(pa.large_binary())
        return as_objects([value or b"" for value in values.to_pylist()])
    if form.shape:
        return _lists(array, name, form)
    if array.null_count and dtype.kind != "f":
        raise Unreadable(
            f"column {name!r} has no value in one row, and {dtype} has none "
            "for that; read it as float64, which has NaN, or correct it"
        )
    return _numbers(array, name, dtype)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of texts."""
    import pyarrow as pa

    checks = ("is_string", "is_large_string", "is_binary", "is_large_binary")
    return any(getattr(pa.types, check)(kind) for check in checks)


def is_number(kind: Any) -> bool:
    """Whether an Arrow type is one of numbers that NumPy has, too."""
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _numbers(array: Any, name: str, dtype: np.dtype) -> np.ndarray:
    import pyarrow as pa

    if not is_number(array.type):
        raise Unreadable(f"column {name!r} holds {array.type}, not {dtype}")
    try:
        wanted = pa.from_numpy_dtype(dtype)
        values = array if array.type == wanted else array.cast(wanted)
    except pa.ArrowInvalid as error:
        raise Unreadable(f"column {name!r}: {error}") from None
    return np.array(values.to_numpy(zero_copy_only=False), dtype)


def _lists(array: Any, name: str, form: Form) -> np.ndarray:
    """Lists of numbers: of one length, or a ragged column."""
    import pyarrow as pa

    dtype = np.dtype(form.dtype)
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(kind(array.type) for kind in kinds):
        raise Unreadable(f"column {name!r} holds {array.type}, not lists")
    if array.null_count:
        raise Unreadable(f"column {name!r} has no list in one row")
    flat = array.flatten()
    if flat.null_count and dtype.kind != "f":
        raise Unreadable(f"column {name!r} has a list with a missing value")
    values = _numbers(flat, name, dtype)
    counts = np.array(array.value_lengths().to_pylist(), int)
    rest = int(np.prod([size for size in form.shape if size is not None]))
    if None not in form.shape:
        if (counts != rest).any():
            raise Unreadable(
                f"column {name!r} has a list of {counts[counts != rest][0]}, not {rest}"
            )
        return values.reshape(len(array), *[size or 0 for size in form.shape])
    if (counts % max(rest, 1)).any():
        raise Unreadable(f"column {name!r} has a list that is not a multiple of {rest} long")
    shape = [-1 if size is None else size for size in form.shape]
    return as_objects([each.reshape(shape) for each in np.split(values, np.cumsum(counts)[:-1])])

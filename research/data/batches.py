"""Batches of examples: which rows, and the dtypes that the device computes with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jax
import numpy as np

from research.engine.experiment import Source
from research.errors import Mistake


def for_device(columns: Mapping[str, np.ndarray], whose: str) -> dict[str, np.ndarray]:
    """Columns in the dtypes that JAX keeps: int64 as int32 and float64 as float32 by default.

    Args:
        columns: decoded examples.
        whose: what a message calls them.

    Raises:
        Mistake: if a column is text, is called `weight`, or holds integers past int32.
    """
    return {name: _column(name, column, whose) for name, column in columns.items()}


def _column(name: str, column: np.ndarray, whose: str) -> np.ndarray:
    if name == "weight":
        raise Mistake(f"{whose}: a column may not be called 'weight', which a batch adds")
    if column.dtype == object:
        raise Mistake(
            f"{whose}: column {name!r} is text, which cannot lie on a device. Choose other "
            "columns (features=...), or turn it into numbers first (ArraySource)."
        )
    dtype = jax.dtypes.canonicalize_dtype(column.dtype)
    if dtype.itemsize < column.dtype.itemsize and dtype.kind in "iu" and column.size:
        bounds = np.iinfo(dtype)
        if column.min() < bounds.min or column.max() > bounds.max:
            raise Mistake(f"{whose}: column {name!r} holds integers that do not fit {dtype}")
    return column.astype(dtype, copy=False)


def in_file_order(examples: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and weights that count every example once, the last batch padded with weight 0.

    Yields:
        int64 `[batch_size]`, float32 `[batch_size]`. Padding reads row 0: real values, so that
        nothing computed from it is NaN.
    """
    for start in range(0, examples, batch_size):
        index = np.arange(start, start + batch_size)
        inside = index < examples
        yield np.where(inside, index, 0), inside.astype(np.float32)


def decoded_bytes(source: Source) -> int:
    """About how many bytes a source is when decoded, judged by its first eight examples."""
    some = min(8, len(source))
    if some == 0:
        return 0
    columns = source.read(np.arange(some))
    return sum(column.nbytes for column in columns.values()) * len(source) // some

"""Decoded examples as columns: made from examples, joined, hashed.

A column is an array `[examples, ...]` of numbers, or of dtype object holding `bytes` (text).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from research.errors import Mistake

Columns = dict[str, np.ndarray]

_CHUNK = 4096


def from_examples(examples: Sequence[Mapping[str, Any]], whose: str) -> Columns:
    """Columns of decoded examples; nested names are joined by `/`.

    Args:
        examples: at least one.
        whose: what a message calls them.

    Raises:
        Mistake: if a column's examples differ in shape.
    """
    flat = [dict(_flat(example)) for example in examples]
    return {name: _column(name, [each[name] for each in flat], whose) for name in sorted(flat[0])}


def _flat(example: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in example.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _column(name: str, values: list[Any], whose: str) -> np.ndarray:
    if isinstance(values[0], bytes):
        column = np.empty(len(values), object)
        column[:] = values
        return column
    try:
        return np.stack([np.asarray(value) for value in values])
    except ValueError:
        raise Mistake(
            f"{whose}: the examples of column {name!r} differ in shape, so they cannot be one "
            "array. Choose other columns (features=...), or write a Source that pads them."
        ) from None


def join(parts: Sequence[Columns]) -> Columns:
    """The columns of all parts, one after the other. One part is not copied."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Digest:
    """Digest of decoded content, taken part by part; see `digest` for what is hashed."""

    def __init__(self) -> None:
        self._content = hashlib.sha256()
        self._form: dict[str, str] = {}
        self._lengths: dict[str, Any] = {}
        self._examples = 0

    def update(self, columns: Mapping[str, np.ndarray]) -> None:
        """Add the examples that come next.

        Raises:
            ValueError: if columns are not of the form of those before.
        """
        names = sorted(columns)
        form = {name: _form(columns[name]) for name in names}
        if self._form and form != self._form:
            raise ValueError(f"columns are {form}, and were {self._form}")
        self._form, self._examples = form, self._examples + len(columns[names[0]])
        for start in range(0, len(columns[names[0]]), _CHUNK):
            chunk = {name: columns[name][start : start + _CHUNK] for name in names}
            for name in names:
                if chunk[name].dtype == object:
                    lengths = np.fromiter(map(len, chunk[name]), "<i8", len(chunk[name]))
                    self._lengths.setdefault(name, hashlib.sha256()).update(lengths.data)
            parts = [_as_bytes(column) for column in chunk.values()]
            if all(isinstance(part, np.ndarray) for part in parts):
                self._content.update(np.concatenate(parts, axis=1).data)
            else:
                for example in zip(*parts, strict=True):
                    self._content.update(b"".join(bytes(value) for value in example))

    def hexdigest(self) -> str:
        """The digest of all examples so far."""
        lengths = {name: state.hexdigest() for name, state in self._lengths.items()}
        form = json.dumps([self._examples, self._form, lengths], sort_keys=True)
        return f"{self._content.hexdigest()}-{hashlib.sha256(form.encode()).hexdigest()}"


def digest(columns: Mapping[str, np.ndarray]) -> str:
    """Two SHA-256 (hex) with a hyphen between: of the decoded content and of its form.

    Content: the bytes of each example in order, within an example column by column sorted by name:
    a number's bytes little-endian in C order in the dtype it has when decoded, a text's own bytes.
    So it does not depend on how or where the files were written. Form: how many examples there
    are, and of each column its name, dtype, shape, and how long each text is, without which the
    same bytes could be other content. (Ledgers of before there was a form have the first alone.)
    """
    state = Digest()
    state.update(columns)
    return state.hexdigest()


def _form(column: np.ndarray) -> str:
    """The dtype and the shape of an example."""
    dtype = "text" if column.dtype == object else column.dtype.newbyteorder("<").str
    return f"{dtype} {list(column.shape[1:])}"


def _as_bytes(column: np.ndarray) -> np.ndarray | list[bytes]:
    if column.dtype == object:
        return list(column)
    little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    return little.reshape(len(column), -1).view(np.uint8)


def for_device(columns: Mapping[str, np.ndarray], whose: str) -> dict[str, np.ndarray]:
    """Columns in the dtypes that JAX keeps: int64 as int32 and float64 as float32 by default.

    Args:
        columns: decoded examples.
        whose: what a message calls them.

    Raises:
        Mistake: if a column is text, is called `weight`, or holds integers past int32.
    """
    return {name: _device_column(name, column, whose) for name, column in columns.items()}


def _device_column(name: str, column: np.ndarray, whose: str) -> np.ndarray:
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

"""Decoded examples as columns: made from examples, padded, joined, hashed, fit for the device.

A column is an array `[examples, ...]` of numbers. Where examples differ in length it has dtype
object `[examples]`, and holds `bytes` (text) or arrays of one dtype and rank (a ragged column).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from research.errors import Mistake

Columns = dict[str, np.ndarray]

_CHUNK = 4096


class Form(NamedTuple):
    """What the examples of a column have in common.

    Attributes:
        dtype: of their elements.
        shape: of an example, None where it varies.
    """

    dtype: Any
    shape: tuple[int | None, ...]


def from_examples(examples: Sequence[Mapping[str, Any]], forms: Mapping[str, Form]) -> Columns:
    """Columns of decoded examples, at least one, named as by `flatten`: those that have a form."""
    flat = [flatten(example) for example in examples]
    return {name: _column([each[name] for each in flat], forms[name]) for name in sorted(forms)}


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a nested mapping, their names joined by `/`."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}/{inner}": each for inner, each in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def _column(values: list[Any], form: Form) -> np.ndarray:
    if isinstance(values[0], bytes):
        return as_objects(values)
    if None not in form.shape:
        return np.stack([np.asarray(value) for value in values])
    # An example without elements does not know its other axes.
    empty = np.zeros([size or 0 for size in form.shape], form.dtype)
    return as_objects([np.asarray(value, form.dtype) if len(value) else empty for value in values])


def as_objects(values: Sequence[Any]) -> np.ndarray:
    """A column of dtype object `[examples]` with these values."""
    # By assignment, NumPy would stack arrays that are alike.
    return np.fromiter(values, object, len(values))


def pad(examples: Sequence[Any], length: int, dtype: Any) -> np.ndarray:
    """Examples of varying length as one array `[examples, length, ...]`, zeros at their ends.

    They are lists or arrays `[elements, ...]` of at most `length`, alike in their other axes.
    """
    rest = np.shape(examples[0])[1:] if len(examples) else ()
    padded = np.zeros((len(examples), length, *rest), dtype)
    for row, example in zip(padded, examples, strict=True):
        row[: len(example)] = example
    return padded


def pad_column(columns: Columns, name: str, length: int, whose: str) -> Columns:
    """The columns, a ragged one padded, with a column `<name>/count` beside it.

    Returns:
        `name` as `[examples, length, ...]`, padded with zeros; its count as int32 `[examples]`: how
        many elements are real.

    Raises:
        Mistake: if it is not ragged, an example is longer, or examples differ in other axes; it
            calls them `whose`.
    """
    column = columns[name]
    if is_text(column) or column.dtype != object:
        what = "is text" if column.dtype == object else f"has examples of shape {column.shape[1:]}"
        raise Mistake(f"{whose}: column {name!r} {what}; only columns of varying length are padded")
    counts = np.fromiter(map(len, column), np.int32, len(column))
    if len(column) and counts.max() > length:
        raise Mistake(
            f"{whose}: an example of column {name!r} has {counts.max()} elements, more than the "
            f"{length} that it is padded to; name a larger number"
        )
    if len({example.shape[1:] for example in column}) > 1:
        raise Mistake(
            f"{whose}: the examples of column {name!r} differ in more than their length; make them "
            "alike by a function (Mapped)"
        )
    dtype = column[0].dtype if len(column) else np.float32
    return {**columns, name: pad(list(column), length, dtype), f"{name}/count": counts}


def is_text(column: np.ndarray) -> bool:
    """Whether a column holds texts."""
    return column.dtype == object and not (len(column) and isinstance(column[0], np.ndarray))


def join(parts: Sequence[Columns]) -> Columns:
    """The columns of all parts, one after the other. One part is not copied."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def pick(columns: Mapping[str, np.ndarray], index: np.ndarray) -> Columns:
    """The examples of columns at `index` (int `[n]`)."""
    # As plain arrays: a mapped one is slow to make of what is picked from it.
    return {name: np.asarray(column).take(index, 0) for name, column in columns.items()}


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
        count = len(columns[names[0]])
        if self._form and not count:
            return  # No example tells what a ragged column holds.
        form = {name: _form(columns[name]) for name in names}
        if self._examples and form != self._form:
            raise ValueError(f"columns are {form}, and were {self._form}")
        self._form, self._examples = form, self._examples + count
        for start in range(0, count, _CHUNK):
            chunk = {name: columns[name][start : start + _CHUNK] for name in names}
            for name in names:
                if chunk[name].dtype == object:
                    lengths = [_lengths(value) for value in chunk[name]]
                    state = self._lengths.setdefault(name, hashlib.sha256())
                    state.update(np.array(lengths, "<i8").data)
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
    are, and of each column its name, dtype, shape, and how long each text or ragged example is,
    without which the same bytes could be other content. (Ledgers of before there was a form have
    the first alone.)
    """
    state = Digest()
    state.update(columns)
    return state.hexdigest()


def with_meaning(whole: str, meaning: str) -> str:
    """A digest as `digest` gives it, its content's half hashed with what the content means."""
    content, form = whole.split("-")
    return f"{hashlib.sha256(f'{content}{meaning}'.encode()).hexdigest()}-{form}"


def _form(column: np.ndarray) -> str:
    """The dtype and the shape of an example."""
    if is_text(column):
        return "text []"
    if column.dtype == object:
        return f"{column[0].dtype.newbyteorder('<').str} ragged, {column[0].ndim} axes"
    return f"{column.dtype.newbyteorder('<').str} {list(column.shape[1:])}"


def _lengths(value: bytes | np.ndarray) -> int | tuple[int, ...]:
    return len(value) if isinstance(value, bytes) else value.shape


def _as_bytes(column: np.ndarray) -> np.ndarray | list[bytes]:
    if is_text(column):
        return list(column)
    if column.dtype == object:
        return [_little(value).tobytes() for value in column]
    return _little(column).reshape(len(column), -1).view(np.uint8)


def _little(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def for_device(columns: Mapping[str, np.ndarray], whose: str) -> dict[str, np.ndarray]:
    """Columns in the dtypes that JAX keeps: int64 as int32 and float64 as float32 by default.

    Raises:
        Mistake: if a column is text or ragged, is called `weight`, or holds integers past int32;
            `whose` is what it calls them.
    """
    return {name: _device_column(name, column, whose) for name, column in columns.items()}


def _device_column(name: str, column: np.ndarray, whose: str) -> np.ndarray:
    if name == "weight":
        raise Mistake(f"{whose}: a column may not be called 'weight', which a batch adds")
    if is_text(column):
        raise Mistake(
            f"{whose}: column {name!r} is text, which cannot lie on a device. Choose other "
            "columns (features=...), or turn it into numbers first (Mapped)."
        )
    if column.dtype == object:
        raise Mistake(
            f"{whose}: the examples of column {name!r} differ in length, and cannot lie on a "
            f"device. Pad them (padded={{{name!r}: ...}}), choose other columns (features=...), or "
            "make them alike first (Mapped)."
        )
    dtype = jax.dtypes.canonicalize_dtype(column.dtype)
    if dtype.itemsize < column.dtype.itemsize and dtype.kind in "iu" and column.size:
        bounds = np.iinfo(dtype)
        if column.min() < bounds.min or column.max() > bounds.max:
            raise Mistake(f"{whose}: column {name!r} holds integers that do not fit {dtype}")
    return column.astype(dtype, copy=False)

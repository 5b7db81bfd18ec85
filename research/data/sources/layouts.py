"""Many `tf.train.Example` records as columns: those that are laid out alike are decoded at once.

Records of one program mostly have the same bytes but for their values. Such records are a matrix
`[records, bytes]`, of which each feature is a few columns, so that NumPy decodes all of them in one
step. What is laid out in its own way is decoded alone, by the same functions.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

import numpy as np

from research.data.columns import Columns, Form, as_objects
from research.data.sources import examples
from research.data.sources.examples import Feature
from research.data.sources.format import Forms, Unreadable

_WORTH = 8
"""Records of one length from which a common layout is looked for."""


def decode_examples(records: Sequence[bytes], forms: Forms) -> Columns:
    """Records, at least one, as columns.

    Raises:
        Unreadable: if one is no `tf.train.Example`, or its features are not of these forms.
    """
    rows: dict[str, list[np.ndarray]] = {name: [] for name in forms}
    order: list[np.ndarray] = []
    by_length = collections.defaultdict(list)
    for number, record in enumerate(records):
        by_length[len(record)].append(number)
    for numbers in by_length.values():
        left = np.array(numbers)
        block = np.frombuffer(b"".join([records[row] for row in numbers]), np.uint8)
        block = block.reshape(len(left), -1)
        while len(left):
            features = examples.parse_example(records[left[0]])
            alike = _alike(block, features) if len(left) >= _WORTH else np.arange(len(left)) == 0
            same = block[alike]
            for name, form in forms.items():
                rows[name].append(_values(same, features.get(name), name, form))
            order.append(left[alike])
            left, block = left[~alike], block[~alike]
    back = np.argsort(np.concatenate(order))
    return {name: _joined(parts)[back] for name, parts in rows.items()}


def decode_sequences(records: Sequence[bytes], forms: Forms) -> Columns:
    """The same of `tf.train.SequenceExample`: a list of features is a ragged column."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in forms}
    for record in records:
        parsed = examples.parse_sequence_example(record)
        block = np.frombuffer(record, np.uint8)[None]
        for name, form in forms.items():
            feature = parsed.context.get(name)
            if name in parsed.lists:
                feature = _over_time(record, parsed.lists[name], name, form)
            rows[name].append(_values(block, feature, name, form))
    return {name: _joined(parts) for name, parts in rows.items()}


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _alike(block: np.ndarray, features: Mapping[str, Feature]) -> np.ndarray:
    """Which rows differ from the first in nothing but values: bool `[records]`."""
    mask = np.full(block.shape[1], 0xFF, np.uint8)
    for feature in features.values():
        # The highest bit of an integer's byte tells whether the next byte belongs to it.
        kept = 0x80 if feature.kind == "int64" else 0
        for start, stop in feature.spans:
            mask[start:stop] = kept
    (fixed,) = np.nonzero(mask)
    layout = block[:, fixed] & mask[fixed]
    return (layout == layout[0]).all(axis=1)


def _values(block: np.ndarray, feature: Feature | None, name: str, form: Form) -> np.ndarray:
    """A feature of records that are laid out alike, uint8 `[records, bytes]`, as a column."""
    dtype = np.dtype(form.dtype)
    if feature is None or not feature.kind:
        if None not in form.shape:
            raise Unreadable(f"feature {name!r} is missing")
        empty = np.zeros([size or 0 for size in form.shape], dtype)
        return as_objects([empty] * len(block))
    if dtype.kind == "O":
        if feature.kind != "bytes" or len(feature.spans) != 1:
            raise Unreadable(f"feature {name!r} holds {_count(block, feature)}, not one text")
        start, stop = feature.spans[0]
        return as_objects([row.tobytes() for row in block[:, start:stop]])
    parts = [block[:, start:stop] for start, stop in feature.spans]
    joined = parts[0] if len(parts) == 1 else np.concatenate([block[:, :0], *parts], axis=1)
    if feature.kind == "int64":
        values = examples.integers_of(joined, examples.varint_ends(joined[0]))
    elif feature.kind == "float":
        values = np.ascontiguousarray(joined).view("<f4")
    elif joined.shape[1] % dtype.itemsize:
        raise Unreadable(f"feature {name!r} has {joined.shape[1]} bytes, which are no {dtype}")
    else:
        values = np.ascontiguousarray(joined).view(dtype.newbyteorder("<"))
    return _shaped(_cast(values, dtype, name), name, form)


def _cast(values: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    if values.dtype.kind == "f" and dtype.kind != "f":
        raise Unreadable(f"feature {name!r} holds floats, not {dtype}")
    if values.dtype.kind == "i" and dtype.kind not in "iub":
        raise Unreadable(f"feature {name!r} holds integers, not {dtype}")
    with np.errstate(over="ignore"):
        cast = values.astype(dtype, copy=False)
    if dtype.kind in "iub" and dtype != values.dtype and (cast != values).any():
        raise Unreadable(f"feature {name!r} holds {values[cast != values][0]}, which is no {dtype}")
    return cast


def _shaped(values: np.ndarray, name: str, form: Form) -> np.ndarray:
    """Values `[records, values]` in the shape of an example."""
    rest = int(np.prod([size for size in form.shape if size is not None]))
    count = values.shape[1]
    if None in form.shape:
        if rest and count % rest:
            raise Unreadable(f"feature {name!r} holds {count} values, not a multiple of {rest}")
        length = count // rest if rest else 0
        shape = [length if size is None else size for size in form.shape]
        return as_objects([np.array(row).reshape(shape) for row in values])
    if count != rest:
        raise Unreadable(f"feature {name!r} holds {count} values, not {rest}")
    return values.reshape(len(values), *[size or 0 for size in form.shape])


def _count(block: np.ndarray, feature: Feature) -> str:
    if feature.kind == "bytes":
        return f"{len(feature.spans)} texts"
    return "floats" if feature.kind == "float" else "integers"


def _over_time(record: bytes, steps: list[Feature], name: str, form: Form) -> Feature:
    """The steps of a list as one feature, after each was found to hold as many values."""
    rest = int(np.prod([size for size in form.shape if size is not None]))
    kinds = {step.kind for step in steps}
    if len(kinds) > 1:
        raise Unreadable(f"the steps of {name!r} hold values of different kinds")
    if None not in form.shape:
        raise Unreadable(f"{name!r} is a list over time, whose shape begins with None")
    for step in steps:
        if (count := count_values(record, step, np.dtype(form.dtype).itemsize)) != rest:
            raise Unreadable(f"a step of {name!r} holds {count} values, not {rest}")
    kind = kinds.pop() if kinds else ""
    return Feature(kind, [span for step in steps for span in step.spans])


def count_values(record: bytes, feature: Feature, itemsize: int = 1) -> int:
    """How many values a feature holds; of bytes, how many of `itemsize`."""
    if feature.kind == "int64":
        numbers = np.frombuffer(b"".join(examples.texts(record, feature)), np.uint8)
        return len(examples.varint_ends(numbers))
    size = sum(stop - start for start, stop in feature.spans)
    return size // (4 if feature.kind == "float" else itemsize)

"""Many `tf.train.Example` records as columns: each column is decoded from all records at once.

Records of one program mostly have the same bytes but for their values. Of such records, a matrix
`[records, bytes]`, only the first is parsed.
"""

from __future__ import annotations

import collections
import math
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
    parsed = _parse(records)
    return {
        name: _column(records, [each.get(name) for each in parsed], name, form)
        for name, form in forms.items()
    }


def decode_sequences(records: Sequence[bytes], forms: Forms) -> Columns:
    """The same of `tf.train.SequenceExample`: a list of features is a ragged column."""
    parsed = [examples.parse_sequence_example(record) for record in records]
    columns = {}
    for name, form in forms.items():
        features = [
            _over_time(record, each.lists[name], name, form)
            if name in each.lists
            else each.context.get(name)
            for record, each in zip(records, parsed, strict=True)
        ]
        columns[name] = _column(records, features, name, form)
    return columns


def _parse(records: Sequence[bytes]) -> list[dict[str, Feature]]:
    parsed: list[dict[str, Feature]] = [{}] * len(records)
    by_length = collections.defaultdict(list)
    for number, record in enumerate(records):
        by_length[len(record)].append(number)
    for numbers in by_length.values():
        while len(numbers) >= _WORTH:
            block = np.frombuffer(b"".join([records[row] for row in numbers]), np.uint8)
            features = examples.parse_example(records[numbers[0]])
            alike = _alike(block.reshape(len(numbers), -1), features).tolist()
            rest = []
            for row, same in zip(numbers, alike, strict=True):
                if same:
                    parsed[row] = features
                else:
                    rest.append(row)
            numbers = rest if 2 * len(rest) < len(numbers) else _alone(records, rest, parsed)
        _alone(records, numbers, parsed)
    return parsed


def _alone(
    records: Sequence[bytes], numbers: list[int], parsed: list[dict[str, Feature]]
) -> list[int]:
    """Parse records one by one; none is left."""
    for row in numbers:
        parsed[row] = examples.parse_example(records[row])
    return []


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


def _column(
    records: Sequence[bytes], features: Sequence[Feature | None], name: str, form: Form
) -> np.ndarray:
    """A feature of all records as a column."""
    dtype = np.dtype(form.dtype)
    kinds = {feature.kind if feature else "" for feature in features}
    if "" in kinds and None not in form.shape:
        raise Unreadable(f"feature {name!r} is missing")
    kinds.discard("")
    if len(kinds) > 1:
        raise Unreadable(f"feature {name!r} holds values of different kinds")
    kind = kinds.pop() if kinds else "bytes"
    held = [
        examples.texts(record, feature) if feature else []
        for record, feature in zip(records, features, strict=True)
    ]
    if dtype.kind == "O":
        if kind != "bytes" or any(len(texts) != 1 for texts in held):
            what = "several texts or none" if kind == "bytes" else _KINDS[kind]
            raise Unreadable(f"feature {name!r} holds {what}, not one text")
        return as_objects([text for (text,) in held])
    joined = b"".join([run for runs in held for run in runs])
    ends = np.cumsum([sum(map(len, runs)) for runs in held])
    if kind == "int64":
        values, value_ends = examples.integers(joined)
        stops = np.searchsorted(value_ends, ends, "right")
        whole = np.concatenate([[0], value_ends])[stops] == ends
    else:
        stored = np.dtype("<f4") if kind == "float" else dtype.newbyteorder("<")
        stops, whole = ends // stored.itemsize, ends % stored.itemsize == 0
        values = np.frombuffer(joined, stored) if whole.all() else np.empty(0, stored)
    if not whole.all():
        raise Unreadable(f"feature {name!r} has bytes that are no whole {_KINDS.get(kind, dtype)}")
    return _shaped(_cast(values, dtype, name), stops, name, form)


_KINDS = {"float": "floats", "int64": "integers"}


def _cast(values: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    if values.dtype.kind == "f" and dtype.kind != "f":
        raise Unreadable(f"feature {name!r} holds floats, not {dtype}")
    if values.dtype.kind == "i" and dtype.kind not in "iub":
        raise Unreadable(f"feature {name!r} holds integers, not {dtype}")
    with np.errstate(over="ignore"):
        cast = values.astype(dtype)
    if dtype.kind in "iub" and dtype != values.dtype and (cast != values).any():
        raise Unreadable(f"feature {name!r} holds {values[cast != values][0]}, which is no {dtype}")
    return cast


def _shaped(values: np.ndarray, stops: np.ndarray, name: str, form: Form) -> np.ndarray:
    """Values of all examples, of each up to its stop, in the shape of an example."""
    rest = _fixed_part(form)
    counts = np.diff(stops, prepend=0)
    if None not in form.shape:
        if (counts != rest).any():
            count = counts[counts != rest][0]
            raise Unreadable(f"feature {name!r} holds {count} values, not {rest}")
        return values.reshape(len(stops), *[size or 0 for size in form.shape])
    if (counts % max(rest, 1)).any() or (not rest and counts.any()):
        raise Unreadable(f"feature {name!r} holds a number of values that {rest} does not divide")
    return as_objects(
        [
            each.reshape(
                [len(each) // max(rest, 1) if size is None else size for size in form.shape]
            )
            for each in np.split(values, stops[:-1])
        ]
    )


def _fixed_part(form: Form) -> int:
    """How many numbers an example has; of a ragged one, for each element of its open axis."""
    return math.prod(size for size in form.shape if size is not None)


def _over_time(record: bytes, steps: list[Feature], name: str, form: Form) -> Feature:
    """The steps of a list as one feature, after each was found to hold as many values."""
    kinds = {step.kind for step in steps}
    if len(kinds) > 1:
        raise Unreadable(f"the steps of {name!r} hold values of different kinds")
    if None not in form.shape:
        raise Unreadable(f"{name!r} is a list over time, whose shape begins with None")
    rest, itemsize = _fixed_part(form), np.dtype(form.dtype).itemsize
    for step in steps:
        if (count := count_values(record, step, itemsize)) != rest:
            raise Unreadable(f"a step of {name!r} holds {count} values, not {rest}")
    kind = kinds.pop() if kinds else ""
    return Feature(kind, [span for step in steps for span in step.spans])


def count_values(record: bytes, feature: Feature, itemsize: int = 1) -> int:
    """How many values a feature holds; of bytes, how many of `itemsize`."""
    if feature.kind == "int64":
        return len(examples.integers(b"".join(examples.texts(record, feature)))[0])
    size = sum(stop - start for start, stop in feature.spans)
    return size // (4 if feature.kind == "float" else itemsize)

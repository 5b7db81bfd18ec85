"""Many `tf.train.Example` records as columns: each column is decoded from all records at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from research.data.columns import Columns, Form, as_objects
from research.data.formats import examples
from research.data.formats.examples import Feature
from research.data.formats.format import Forms, Unreadable
from research.data.formats.lockstep import Alike, parse_alike
from research.data.formats.spans import Spans, join_spans

_WORTH = 8
"""Records from which others are looked for that are built like the first."""


def decode_examples(records: Sequence[bytes] | Spans, forms: Forms) -> Columns:
    """Records, at least one, as columns.

    Raises:
        Unreadable: if one is no `tf.train.Example`, or its features are not of these forms.
    """
    together = records if isinstance(records, Spans) else join_spans(records)
    parsed = _parse(together)
    return {
        name: _column(_runs(together, parsed, name), name, form) for name, form in forms.items()
    }


def decode_sequences(records: Sequence[bytes] | Spans, forms: Forms) -> Columns:
    """The same of `tf.train.SequenceExample`: a list of features is a ragged column."""
    together = records if isinstance(records, Spans) else join_spans(records)
    each = together.each()
    parsed = [examples.parse_sequence_example(record) for record in each]
    columns = {}
    for name, form in forms.items():
        features = {}
        for row, (record, start) in enumerate(zip(each, together.starts.tolist(), strict=True)):
            feature = parsed[row].context.get(name)
            if name in parsed[row].lists:
                feature = _over_time(record, parsed[row].lists[name], name, form)
            features[row] = {name: _moved(feature, start)} if feature else {}
        columns[name] = _column(_runs(together, _Parsed([], features), name), name, form)
    return columns


class _Parsed(NamedTuple):
    """Where the features of some records lie.

    Attributes:
        alike: of each group of records that are built alike: their rows, and name -> where.
        others: row -> name -> where, in the buffer, of those parsed alone.
    """

    alike: list[tuple[np.ndarray, dict[str, Alike]]]
    others: dict[int, dict[str, Feature]]


def _parse(records: Spans) -> _Parsed:
    parsed = _Parsed([], {})
    rows = np.arange(len(records.starts))
    while len(rows) >= _WORTH:
        first = int(rows[0])
        model = _parse_alone(records, first)
        usual = all(each.kind and len(each.spans) == 1 for each in model.values())
        good, found = (
            parse_alike(records, rows, model) if usual else (np.zeros(len(rows), bool), {})
        )
        if good.all():
            parsed.alike.append((rows, found))
        elif good.any():
            cut = {
                name: Alike(each.kind, each.starts[good], each.stops[good])
                for name, each in found.items()
            }
            parsed.alike.append((rows[good], cut))
        else:
            parsed.others[first], good[0] = model, True
        rows = rows[~good]
        if np.count_nonzero(good) < _WORTH:
            break
    for row in rows.tolist():
        parsed.others[row] = _parse_alone(records, row)
    return parsed


def _parse_alone(records: Spans, row: int) -> dict[str, Feature]:
    start, stop = int(records.starts[row]), int(records.stops[row])
    parsed = examples.parse_example(records.buffer[start:stop])
    return {name: _moved(each, start) for name, each in parsed.items()}


def _moved(feature: Feature, by: int) -> Feature:
    return Feature(feature.kind, [(by + start, by + stop) for start, stop in feature.spans])


class _Runs(NamedTuple):
    """What records hold of one feature.

    Attributes:
        kinds: of values; "" if a record has none.
        spans: the runs of all records, one record after another.
        counts: int64 `[records]`, runs of each.
    """

    kinds: set[str]
    spans: Spans
    counts: np.ndarray


def _runs(records: Spans, parsed: _Parsed, name: str) -> _Runs:
    counts = np.zeros(len(records.starts), np.int64)
    for rows, found in parsed.alike:
        counts[rows] = name in found
    others = {row: features[name] for row, features in parsed.others.items() if name in features}
    for row, feature in others.items():
        counts[row] = len(feature.spans)
    ends = np.cumsum(counts)
    spans = Spans(records.buffer, np.empty(ends[-1], np.int64), np.empty(ends[-1], np.int64))
    kinds: set[str] = {feature.kind for feature in others.values()}
    kinds |= {""} if len(others) < len(parsed.others) else set()
    for rows, found in parsed.alike:
        if name in found:
            kinds.add(found[name].kind)
            spans.starts[ends[rows] - 1], spans.stops[ends[rows] - 1] = found[name][1:]
        else:
            kinds.add("")
    for row, feature in others.items():
        for place, bounds in enumerate(feature.spans, ends[row] - counts[row]):
            spans.starts[place], spans.stops[place] = bounds
    return _Runs(kinds, spans, counts)


def _column(runs: _Runs, name: str, form: Form) -> np.ndarray:
    """A feature of all records as a column."""
    dtype = np.dtype(form.dtype)
    kinds, spans, counts = runs
    if "" in kinds and None not in form.shape:
        raise Unreadable(f"feature {name!r} is missing")
    if len(kinds - {""}) > 1:
        raise Unreadable(f"feature {name!r} holds values of different kinds")
    kind = max(kinds) or "bytes"
    if dtype.kind == "O":
        if kind != "bytes" or (counts != 1).any():
            what = "several texts or none" if kind == "bytes" else _KINDS[kind]
            raise Unreadable(f"feature {name!r} holds {what}, not one text")
        return as_objects(spans.each())
    sizes = spans.stops - spans.starts
    alike = len(sizes) > 0 and (sizes == sizes[0]).all()
    joined = spans.rows(int(sizes[0])).reshape(-1) if alike else b"".join(spans.each())
    ends = np.concatenate([[0], np.cumsum(sizes)])[np.cumsum(counts)]
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
        cast = values.astype(dtype, copy=not values.flags.writeable)
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

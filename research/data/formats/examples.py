"""`tf.train.Example` and `SequenceExample` in protocol buffers' wire format, read and written.

Messages: tensorflow/core/example/example.proto and feature.proto. Wire format: "Encoding" in the
protocol buffers' documentation. A feature is a list of bytes (field 1), of float32 (2) or of int64
(3); numbers are packed or not. As that documentation has it, of a repeated key or of several lists
in one feature the last counts, lists of one kind are joined, and unknown fields are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from research.data.formats.format import Unreadable

Kind = Literal["bytes", "float", "int64", ""]
_KINDS: tuple[Kind, ...] = ("", "bytes", "float", "int64")
_LISTS = {"bytes": 1, "float": 2, "int64": 3}
_TAGS: dict[int, Kind] = {0x0A: "bytes", 0x12: "float", 0x1A: "int64"}


class Feature(NamedTuple):
    """Where the values of a feature lie in a record.

    Attributes:
        kind: of its values; "" where it has none.
        spans: (start, stop) of each text, or of each run of numbers.
    """

    kind: Kind
    spans: list[tuple[int, int]]


class Sequences(NamedTuple):
    """A `SequenceExample`: features of the whole, and lists of features, one a step in time."""

    context: dict[str, Feature]
    lists: dict[str, list[Feature]]


def parse_example(record: bytes) -> dict[str, Feature]:
    """Feature name -> where it lies, of a `tf.train.Example`.

    Raises:
        Unreadable: if the record is none.
    """
    try:
        return _parse_usual(record)
    except (IndexError, _Unusual):
        pass
    features: dict[str, Feature] = {}
    try:
        for field, wire, start, stop in _fields(record, 0, len(record)):
            if field == 1 and wire == 2:
                _features(record, start, stop, features)
    except IndexError:
        raise Unreadable("it is no tf.train.Example: it ends within a number") from None
    return features


class _Unusual(Exception):
    pass


def _parse_usual(record: bytes) -> dict[str, Feature]:
    """The same of a record as all writers make it, several times as fast.

    There, a message holds nothing but the field that is expected, numbers are packed, and a list of
    bytes has one value.
    """
    features: dict[str, Feature] = {}
    at = _enter(record, 0, 0x0A, len(record))
    while at < len(record):
        if record[at] != 0x0A:
            raise _Unusual
        size = record[at + 1]
        at += 2
        if size >= 0x80:
            size, at = _varint(record, at - 1, len(record))
        end = at + size
        length = record[at + 1]
        if record[at] != 0x0A or length >= 0x80 or end > len(record):
            raise _Unusual
        name = record[at + 2 : at + 2 + length]
        at = _enter(record, at + 2 + length, 0x12, end)
        if at == end:
            raise _Unusual
        kind = _TAGS.get(record[at], "")
        at = _enter(record, at, record[at], end)
        spans = []
        if at < end:
            at = _enter(record, at, 0x0A, end)
            spans.append((at, end))
        if not kind or (kind == "float" and (end - at) % 4):
            raise _Unusual
        try:
            features[name.decode()] = Feature(kind, spans)
        except UnicodeDecodeError:
            raise _Unusual from None
        at = end
    return features


def _enter(record: bytes, at: int, tag: int, end: int) -> int:
    """Where the content of a field begins that has this tag and goes on to `end`."""
    size = record[at + 1]
    if record[at] != tag:
        raise _Unusual
    at += 2
    if size >= 0x80:
        size, at = _varint(record, at - 1, end)
    if at + size != end:
        raise _Unusual
    return at


def parse_sequence_example(record: bytes) -> Sequences:
    """The same of a `tf.train.SequenceExample`."""
    parsed = Sequences({}, {})
    try:
        for field, wire, start, stop in _fields(record, 0, len(record)):
            if field == 1 and wire == 2:
                _features(record, start, stop, parsed.context)
            elif field == 2 and wire == 2:
                for name, begin, end in _entries(record, start, stop):
                    parsed.lists[name] = [
                        _feature(record, *span)
                        for inner, kind, *span in _fields(record, begin, end)
                        if inner == 1 and kind == 2
                    ]
    except IndexError:
        raise Unreadable("it is no tf.train.SequenceExample: it ends within a number") from None
    return parsed


def texts(record: bytes, feature: Feature) -> list[bytes]:
    """The values of a list of bytes; of numbers, the runs of bytes that they lie in."""
    return [record[start:stop] for start, stop in feature.spans]


def integers(numbers: bytes | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Varints, one after another.

    Returns:
        int64 `[values]`, and where each ends among the bytes, exclusively.

    Raises:
        Unreadable: if one is longer than ten bytes, or has no end.
    """
    parts = np.frombuffer(numbers, np.uint8)
    ends = np.flatnonzero(parts < 0x80) + 1
    if len(ends) == len(parts):  # one byte each
        return parts.astype(np.int64), ends
    if not len(ends) or ends[-1] != len(parts):
        raise Unreadable("a list of integers ends within a number")
    begins = np.concatenate([[0], ends[:-1]])
    sizes = ends - begins
    if sizes.max() > 10:
        raise Unreadable("an integer has more than ten bytes")
    places = np.arange(len(parts)) - np.repeat(begins, sizes)
    shifted = (parts & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    return np.bitwise_or.reduceat(shifted, begins).view(np.int64), ends


def _features(record: bytes, start: int, stop: int, into: dict[str, Feature]) -> None:
    """A message `Features`: a map from names."""
    for name, begin, end in _entries(record, start, stop):
        into[name] = _feature(record, begin, end)


def _entries(record: bytes, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """(key, start of the value, its stop) of each entry of a message whose field 1 is a map."""
    for field, wire, begin, end in _fields(record, start, stop):
        if field != 1 or wire != 2:
            continue
        name, value = None, (begin, begin)
        for inner, kind, first, last in _fields(record, begin, end):
            if kind != 2 or inner > 2:
                raise Unreadable("it is no tf.train.Example: an entry has another field")
            if inner == 1:
                name = record[first:last]
            else:
                value = (first, last)
        if name is None:
            raise Unreadable("it is no tf.train.Example: a feature has no name")
        try:
            yield name.decode(), *value
        except UnicodeDecodeError:
            raise Unreadable("the name of a feature is not UTF-8") from None


def _feature(record: bytes, start: int, stop: int) -> Feature:
    kind: Kind = ""
    spans: list[tuple[int, int]] = []
    for field, wire, begin, end in _fields(record, start, stop):
        if wire != 2 or not 1 <= field <= 3:
            continue
        if kind != _KINDS[field]:
            kind, spans = _KINDS[field], []
        for inner, form, first, last in _fields(record, begin, end):
            if inner != 1:
                continue
            if form == 2 or (form == 5 and field == 2) or (form == 0 and field == 3):
                if field == 2 and (last - first) % 4:
                    raise Unreadable("a list of floats is not a multiple of four bytes long")
                spans.append((first, last))
    return Feature(kind, spans)


def _fields(record: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, start, stop of its value) of each field of a message.

    The value of a wire type 2 is without its length.
    """
    while at < stop:
        tag = record[at]
        at += 1
        if tag >= 0x80:
            tag, at = _varint(record, at - 1, stop)
        wire, start = tag & 7, at
        if wire == 2:
            length = record[at]
            at += 1
            if length >= 0x80:
                length, at = _varint(record, at - 1, stop)
            start = at
            at += length
        elif wire == 0:
            _, at = _varint(record, at, stop)
        elif wire == 5:
            at += 4
        elif wire == 1:
            at += 8
        else:
            raise Unreadable(f"it is no message of protocol buffers: wire type {wire}")
        if at > stop:
            raise Unreadable("it is no message of protocol buffers: a field is longer than it")
        if not tag >> 3:
            raise Unreadable("it is no message of protocol buffers: field number 0")
        yield tag >> 3, wire, start, at


def _varint(record: bytes, at: int, stop: int) -> tuple[int, int]:
    value = shift = 0
    while at < stop and shift < 70:
        byte = record[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Unreadable("it is no message of protocol buffers: a number has no end")


Values = bytes | Sequence[bytes] | np.ndarray
"""Of a feature to be written: texts, or an array of float32 or int64 `[values]`."""


def encode_example(features: Mapping[str, Values]) -> bytes:
    """A `tf.train.Example`, its features sorted by name, its numbers packed."""
    return _message(1, _encode_features(features))


def encode_sequence_example(
    context: Mapping[str, Values], lists: Mapping[str, Sequence[Values]]
) -> bytes:
    """A `tf.train.SequenceExample`, in the same way."""
    steps = b"".join(
        _entry(name, b"".join(_message(1, _encode_feature(step)) for step in lists[name]))
        for name in sorted(lists)
    )
    return _message(1, _encode_features(context)) + _message(2, steps)


def _encode_features(features: Mapping[str, Values]) -> bytes:
    return b"".join(_entry(name, _encode_feature(features[name])) for name in sorted(features))


def _entry(name: str, value: bytes) -> bytes:
    return _message(1, _message(1, name.encode()) + _message(2, value))


def _encode_feature(values: Values) -> bytes:
    if isinstance(values, bytes):
        return _message(_LISTS["bytes"], _message(1, values))
    if not isinstance(values, np.ndarray):
        return _message(_LISTS["bytes"], b"".join(_message(1, value) for value in values))
    if values.dtype.kind == "f":
        return _message(_LISTS["float"], _message(1, values.astype("<f4").tobytes()))
    packed = b"".join(_encode_varint(value % 2**64) for value in values.tolist())
    return _message(_LISTS["int64"], _message(1, packed))


def _message(field: int, content: bytes) -> bytes:
    return _encode_varint(field << 3 | 2) + _encode_varint(len(content)) + content


_SHORT = [bytes([value]) for value in range(0x80)]


def _encode_varint(value: int) -> bytes:
    if value < 0x80:
        return _SHORT[value]
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)

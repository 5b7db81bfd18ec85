"""Many `tf.train.Example`s parsed at once: where their features lie, of all that are built alike.

Records of one program mostly have the same features in the same order, and differ in values and in
how long these are. Each step of the parser is taken in all records together: a number is read in
each, or a few bytes compared, as arrays. What is built otherwise is left to `examples`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from research.data.formats.examples import Feature, Kind
from research.data.formats.spans import Spans

_LONGEST = 5
"""Bytes of a length that is read: 32 GiB."""
_TAGS: dict[Kind, int] = {"bytes": 0x0A, "float": 0x12, "int64": 0x1A}


class Alike(NamedTuple):
    """Where a feature lies that some records have.

    Attributes:
        kind: of its values.
        starts: int64 `[records]`, where its only text, or its run of numbers, begins.
        stops: int64 `[records]`.
    """

    kind: Kind
    starts: np.ndarray
    stops: np.ndarray


def parse_alike(
    records: Spans, rows: np.ndarray, model: dict[str, Feature]
) -> tuple[np.ndarray, dict[str, Alike]]:
    """Parse the records that are built as a model is.

    Args:
        records: all of them.
        rows: int `[n]`, those to be parsed.
        model: the features of one of them, in its order, each with one run of values.

    Returns:
        bool `[n]`, which are built like it; name -> where it lies `[n]`, of the others anything.
    """
    walk = _Walk(np.frombuffer(records.buffer, np.uint8), records.starts[rows], records.stops[rows])
    walk.enter(0x0A, walk.stops)
    found: dict[str, Alike] = {}
    for name, feature in model.items():
        end = walk.field(0x0A)
        walk.good &= end <= walk.stops
        title = name.encode()
        walk.expect(bytes([0x0A, len(title)]) + title)
        walk.enter(0x12, end)
        walk.enter(_TAGS[feature.kind], end)
        walk.enter(0x0A, end)
        if feature.kind == "float":
            walk.good &= (end - walk.at) % 4 == 0
        found[name] = Alike(feature.kind, walk.at, end)
        walk.at = end
    return walk.good & (walk.at == walk.stops), found


class _Walk:
    """A place in each of several records.

    Attributes:
        at: int64 `[n]`, the places.
        stops: int64 `[n]`, where the records end.
        good: bool `[n]`, which were as expected up to here.
    """

    def __init__(self, buffer: np.ndarray, at: np.ndarray, stops: np.ndarray) -> None:
        self._buffer = buffer
        self.at = at
        self.stops = stops
        self.good = np.ones(len(at), bool)

    def expect(self, content: bytes) -> None:
        """Go past these bytes."""
        places = self.at[:, None] + np.arange(len(content))
        there = self._buffer.take(places, mode="clip")
        self.good &= (there == np.frombuffer(content, np.uint8)).all(axis=1)
        self.at = self.at + len(content)

    def field(self, tag: int) -> np.ndarray:
        """Go past a field's tag and length; where its content ends, by that."""
        self.good &= self._byte() == tag
        byte = self._byte()
        length = byte & 0x7F
        for place in range(1, _LONGEST):
            more = byte >= 0x80
            if not more.any():
                break
            self.at = self.at - ~more  # those that have read their last byte stay
            byte = np.where(more, self._byte(), 0)
            length |= (byte & 0x7F) << 7 * place
        self.good &= byte < 0x80
        return self.at + length

    def enter(self, tag: int, end: np.ndarray) -> None:
        """Go past the tag and length of a field whose content goes on to `end`."""
        self.good &= self.field(tag) == end

    def _byte(self) -> np.ndarray:
        byte = self._buffer.take(self.at, mode="clip").astype(np.int64)
        self.at = self.at + 1
        return byte

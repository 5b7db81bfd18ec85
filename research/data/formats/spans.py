"""Stretches of bytes of a file, read by their positions; and many of them in one buffer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from research.data.formats.format import Unreadable

_GAP = 1 << 12
_RUN = 1 << 22
"""Stretches with at most `_GAP` bytes between them are read at once, up to `_RUN` bytes."""


class Spans(NamedTuple):
    """Stretches of one buffer, such as records that were read together.

    Attributes:
        buffer: holds them all, and may hold other bytes between them.
        starts: int64 `[n]`, where each begins.
        stops: int64 `[n]`, where each ends, exclusively.
    """

    buffer: bytes
    starts: np.ndarray
    stops: np.ndarray

    def each(self) -> list[bytes]:
        """The stretches, one by one."""
        bounds = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        return [self.buffer[start:stop] for start, stop in bounds]

    def rows(self, length: int) -> np.ndarray:
        """The first bytes of each, so many: uint8 `[n, length]`, a copy.

        All of them must lie within the buffer.
        """
        windows = max(len(self.buffer) - length + 1, 0)
        overlapping = np.ndarray((windows, length), np.uint8, self.buffer, strides=(1, 1))
        return overlapping[self.starts]


def join_spans(each: Sequence[bytes]) -> Spans:
    """Texts one after another."""
    lengths = np.fromiter(map(len, each), np.int64, len(each))
    stops = np.cumsum(lengths)
    return Spans(b"".join(each), stops - lengths, stops)


def read_together(path: Path, starts: np.ndarray, lengths: np.ndarray) -> Spans:
    """As `read_spans`, in one buffer. What lies between near ones is read with them.

    Raises:
        Unreadable: if the file ends before.
    """
    ends = np.maximum.accumulate(starts + lengths)
    apart = np.concatenate([[True], starts[1:] - ends[:-1] > _GAP])
    (first,) = np.nonzero(apart)
    begins = starts[first]
    sizes = ends[np.append(first[1:], len(starts)) - 1] - begins
    with path.open("rb", buffering=0) as file:
        number = file.fileno()
        runs = [
            _read(number, begin, size)
            for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True)
        ]
    moved = begins - (np.cumsum(sizes) - sizes)
    places = starts - moved[np.cumsum(apart) - 1]
    return Spans(runs[0] if len(runs) == 1 else b"".join(runs), places, places + lengths)


def read_spans(path: Path, starts: np.ndarray, lengths: np.ndarray) -> list[bytes]:
    """The bytes at `starts` (ascending), each so many.

    They are read, not mapped: a mapped file that is cut off while it is read ends the process.

    Raises:
        Unreadable: if the file ends before.
    """
    spans: list[bytes] = []
    bounds = list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))
    with path.open("rb", buffering=0) as file:
        first = 0
        while first < len(bounds):
            begin, end = bounds[first]
            last = first + 1
            while last < len(bounds):
                start, stop = bounds[last]
                if start - end > _GAP or stop - begin > _RUN:
                    break
                end, last = max(end, stop), last + 1
            block = _read(file.fileno(), begin, end - begin)
            spans += [block[start - begin : stop - begin] for start, stop in bounds[first:last]]
            first = last
    return spans


def _read(number: int, begin: int, count: int) -> bytes:
    block = os.pread(number, count, begin)
    while len(block) < count:  # One call reads 2 GiB at most.
        more = os.pread(number, count - len(block), begin + len(block))
        if not more:
            raise Unreadable(f"the file ends at byte {begin + len(block):,}, before it")
        block += more
    return block

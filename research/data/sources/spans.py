"""Stretches of bytes of a file, read by their positions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from research.data.sources.format import Unreadable

_GAP = 1 << 12
_RUN = 1 << 22
"""Stretches with at most `_GAP` bytes between them are read at once, up to `_RUN` bytes."""


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

"""ArrayRecord files, which tfds and grain write: records of any length, and their index."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.columns import Columns
from research.data.formats.content import Content
from research.data.formats.format import PART, Forms, Found, KeptDecoded, Unreadable
from research.data.formats.spans import join_spans


@dataclasses.dataclass(frozen=True)
class ArrayRecord(Content):
    """How ArrayRecord files are read; its attributes are those of `Content`."""

    title = "ArrayRecord"
    by_number = True
    kept_decoded: KeptDecoded = "never"
    encoding = ""

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: such files are compressed inside."""
        return False

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`."""
        size, count = path.stat().st_size, _count(path)
        for start in range(0, count, PART):
            stop = min(start + PART, count)
            yield Found(np.arange(start, stop)[:, None], [], size * stop // count)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        return self.infer_from(path, self._readable(path, positions))

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        return self.decode_records(join_spans(_read(path, positions[:, 0])), forms)

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return f"record {int(position[0]):,}"

    def _readable(self, path: Path, positions: Iterable[np.ndarray]) -> Iterator[bytes]:
        for some in positions:
            try:
                yield from _read(path, some[:, 0])
            except Unreadable:
                for number in some[:, 0]:
                    try:
                        yield from _read(path, np.array([number]))
                    except Unreadable:
                        continue


def _read(path: Path, numbers: np.ndarray) -> list[bytes]:
    facts = path.stat()
    try:
        reader = _reader(path, facts.st_size, facts.st_mtime_ns)
        records = reader.read(numbers.tolist())
    except (ValueError, IndexError, RuntimeError, OSError) as error:
        raise Unreadable(" ".join(str(error).split())[:300]) from None
    if len(records) != len(numbers):
        raise Unreadable(f"{len(records)} of {len(numbers)} records could be read")
    return records


def _count(path: Path) -> int:
    facts = path.stat()
    try:
        return _reader(path, facts.st_size, facts.st_mtime_ns).num_records()
    except (ValueError, IndexError, RuntimeError, OSError) as error:
        raise Unreadable(" ".join(str(error).split())[:300]) from None


@functools.lru_cache(maxsize=64)
def _reader(path: Path, size: int, changed: int) -> Any:
    """A file that is kept open, as opening one reads its index."""
    from array_record.python.array_record_module import ArrayRecordReader

    # What lies ahead of a record is not needed where records are picked.
    return ArrayRecordReader(str(path), "readahead_buffer_size:0")

"""TFRecord files: records of any length, each with checksums, that hold `tf.train.Example`s.

A record is its length (uint64, little endian), a masked CRC-32C of these eight bytes (uint32), its
content, and a masked CRC-32C of that: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c
import numpy as np

from research.data.columns import Columns
from research.data.formats.content import Content
from research.data.formats.format import PART, Broken, Forms, Found, KeptDecoded, Unreadable
from research.data.formats.spans import Spans, read_together

_HEAD = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
_BLOCK = 1 << 22


def masked_crc(content: bytes) -> int:
    """CRC-32C, rotated by 15 bits and with a constant added, as TFRecord stores it."""
    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class TFRecord(Content):
    """How TFRecord files are read; its attributes are those of `Content`.

    Compressed files (gzip) are recognised, whatever they are called.
    """

    title = "TFRecord"
    by_number = False
    kept_decoded: KeptDecoded = "never"
    encoding = ""

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: by what it holds, since writers do not change a file's name."""
        return head[:3] == b"\x1f\x8b\x08" and record_length(head) is None

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`. After a broken length the rest of a file cannot be found."""
        size = path.stat().st_size
        found: list[tuple[int, int]] = []
        broken: list[Broken] = []
        at = 0
        with path.open("rb") as file:
            while at < size:
                file.seek(at)
                block, place = file.read(_BLOCK), 0
                while place < len(block):
                    head = block[place : place + 12]
                    if len(head) < 12 and at + len(head) < size:
                        break  # the block ends here, the file does not
                    length = record_length(head)
                    if length is None or at + length + 16 > size:
                        broken.append(_cut_off(head, length, at, size))
                        yield Found(_positions(found), broken, size)
                        return
                    if place + length + 16 > len(block):
                        if place:
                            break
                        block += file.read(length + 16 - len(block))
                    end = place + 12 + length
                    if masked_crc(block[place + 12 : end]) == _CHECK.unpack_from(block, end)[0]:
                        found.append((at + 12, length))
                    else:
                        broken.append(Broken(_at(at), "its checksum does not fit its content"))
                    place += length + 16
                    at += length + 16
                    if len(found) == PART:
                        yield Found(_positions(found), broken, at)
                        found, broken = [], []
        if found or broken:
            yield Found(_positions(found), broken, at)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        records = (each for some in positions for each in _payloads(path, some).each())
        return self.infer_from(path, records)

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`; checksums are compared again."""
        return self.decode_records(_payloads(path, positions), forms)

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return _at(int(position[0]) - 12)


def _payloads(path: Path, positions: np.ndarray) -> Spans:
    """The contents of records, compared with their checksums."""
    starts, lengths = positions.T
    buffer, starts, ends = read_together(path, starts, lengths + _CHECK.size)
    records = Spans(buffer, starts, ends - _CHECK.size)
    found = np.fromiter(map(google_crc32c.value, records.each()), np.uint32, len(starts))
    masked = (found >> 15 | found << 17) + np.uint32(0xA282EAD8)
    stored = Spans(buffer, records.stops, ends).rows(_CHECK.size).view("<u4")[:, 0]
    if (masked != stored).any():
        raise Unreadable("its checksum does not fit its content")
    return records


def record_length(head: bytes) -> int | None:
    """What a record's first twelve bytes give as its length; None where their checksum differs."""
    if len(head) < 12:
        return None
    length, check = _HEAD.unpack_from(head)
    return length if masked_crc(head[:8]) == check else None


def _cut_off(head: bytes, length: int | None, at: int, size: int) -> Broken:
    rest = f"the {size - at:,} bytes from there on cannot be read"
    if length is not None:
        what = f"it is {length:,} bytes long, and the file ends after {max(0, size - at - 12):,}"
    elif len(head) < 12:
        what = "the file ends within its length"
    elif at == 0:
        what = "the checksum of its length does not fit: this is no TFRecord file, or its start is"
        return Broken(_at(at), f"{what} broken")
    else:
        what = "the checksum of its length does not fit"
    return Broken(_at(at), f"{what}; {rest}")


def _positions(found: list[tuple[int, int]]) -> np.ndarray:
    return np.array(found, np.int64).reshape(-1, 2)


def _at(offset: int) -> str:
    return f"record at byte {offset:,}"


def write_record(file: BinaryIO, record: bytes) -> None:
    """Add one record with its length and checksums."""
    length = len(record).to_bytes(8, "little")
    checks = [_CHECK.pack(masked_crc(part)) for part in (length, record)]
    file.write(length + checks[0] + record + checks[1])

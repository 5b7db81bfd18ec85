"""A reader of event files of its own: frames with checksums, then protocol buffers by hand."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

_POLYNOMIAL = 0x82F63B78


class Scalar(NamedTuple):
    curve: str
    tag: str
    step: int
    value: float
    time: float


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data: bytes, *, cut_short: bool = False) -> list[bytes]:
    found, position = [], 0
    while position < len(data):
        head = data[position : position + 8]
        if len(head) == 8 and position + 16 + (length := struct.unpack("<Q", head)[0]) <= len(data):
            body = data[position + 12 : position + 12 + length]
            check = struct.unpack_from("<I", data, position + 8)[0]
            assert check == masked(head)
            assert struct.unpack_from("<I", data, position + 12 + length)[0] == masked(body)
            found.append(body)
            position += 16 + length
        else:
            assert cut_short, "a record is cut short"
            break
    return found


def fields(message: bytes) -> list[tuple[int, Any]]:
    """(number, value) of each field of a protocol buffer."""
    found: list[tuple[int, Any]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            found.append((key >> 3, varint()))
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        found.append((key >> 3, message[at : at + size]))
        at += size
    return found


def read_scalars(place: Path, *, cut_short: bool = False) -> list[Scalar]:
    """Every scalar below a folder that TensorBoard shows, in file order.

    An event: 1 time, 2 step, 5 summary, 7 session log. The start of a session at a step purges what
    the same folder had before of that step and those after it (`purge_step`).
    """
    scalars: list[Scalar] = []
    for path in sorted(place.rglob("*tfevents*")):
        curve = path.parent.relative_to(place).as_posix()
        curve = "" if curve == "." else curve
        for record in records(path.read_bytes(), cut_short=cut_short):
            event = dict(fields(record))
            if 7 in event and dict(fields(event[7]))[1] == 1:
                at = event.get(2, 0)
                scalars = [one for one in scalars if one.curve != curve or one.step < at]
            for number, value in fields(event[5]) if 5 in event else ():
                assert number == 1
                summary = dict(fields(value))
                scalars.append(
                    Scalar(
                        curve,
                        summary[1].decode(),
                        event.get(2, 0),
                        struct.unpack("<f", summary[2])[0] if 2 in summary else 0.0,
                        struct.unpack("<d", event[1])[0],
                    )
                )
    return scalars

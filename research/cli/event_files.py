"""TensorBoard's event files: written with tensorboardX, and read for the times that they hold."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

PART = "events.part"
"""What a file is called until it is whole; TensorBoard does not look at it."""


class Writer:
    """One event file, written beside its place until it is whole.

    Args:
        directory: where TensorBoard looks for it.

    Attributes:
        part: where it lies until it is published.
    """

    def __init__(self, directory: Path) -> None:
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.record_writer import RecordWriter

        directory.mkdir(parents=True, exist_ok=True)
        stamp = f"{time.time_ns() // 1000:017d}.{socket.gethostname()}.{os.getpid()}"
        self._path = directory / f"events.out.tfevents.{stamp}"
        self.part = directory / PART
        self._record = RecordWriter(str(self.part))
        # A TensorBoard that looks on forgets what it has read of an older file.
        start = SessionLog(status=SessionLog.START)
        for event in (Event(file_version="brain.Event:2"), Event(session_log=start)):
            event.wall_time = time.time()
            self._record.write(event.SerializeToString())

    def write(self, step: int, when: float, figures: Mapping[str, float]) -> None:
        """Add the figures of a step, as one event."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        if values:
            event = Event(wall_time=when, step=step, summary=Summary(value=values))
            self._record.write(event.SerializeToString())

    def publish(self) -> None:
        """Put the file in its place; it is written to as before."""
        self.flush()
        self.part.replace(self._path)

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._record.flush()

    def close(self) -> None:
        """Flush and close."""
        self._record.flush()
        self._record.close()


def event_files(place: Path) -> list[Path]:
    """The event files below a folder."""
    return sorted(path for path in place.rglob("*tfevents*") if path.is_file())


def read_times(path: Path) -> dict[int, float]:
    """Step -> wall time of each event with figures in a file; a last one cut short is left out.

    The frame of a record is its length (8 bytes), a checksum, the record and its checksum.
    """
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event

    data, position = path.read_bytes(), 0
    times: dict[int, float] = {}
    while position + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        end = position + 12 + length
        if end + 4 > len(data):
            break
        try:
            event = Event.FromString(data[position + 12 : end])
        except DecodeError:
            break
        if event.HasField("summary"):
            times[int(event.step)] = float(event.wall_time)
        position = end + 4
    return times

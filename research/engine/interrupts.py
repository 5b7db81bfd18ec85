"""SIGTERM and Ctrl-C: the first asks the loop to save and stop, the second stops at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from research.errors import Exit


class StopRequest:
    """Whether, and by what, the loop was asked to stop."""

    def __init__(self) -> None:
        self.reason = ""

    def __bool__(self) -> bool:
        return bool(self.reason)


@contextmanager
def stop_on_signals(note: Callable[[str], None]) -> Iterator[StopRequest]:
    """Turn SIGTERM and SIGINT into a request to stop, for as long as the context lasts.

    Outside the main thread, where Python allows no handlers, the request just never comes.
    """
    request = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if request and number == signal.SIGINT:
            # Saves are whole or not there, so that leaving in the middle loses nothing saved.
            sys.stderr.write("stopped at once; what was saved stays\n")
            sys.stderr.flush()
            os._exit(Exit.STOPPED)
        if not request:
            request.reason = name
            note(f"{name}: saving, then stopping (Ctrl-C again stops at once)")

    previous = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, handle)
    except ValueError:
        pass
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

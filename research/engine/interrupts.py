"""SIGTERM and Ctrl-C: the first asks the loop to save and stop, the second stops at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from research.errors import Exit

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if not request:
            request.reason = signal.Signals(number).name
            note(f"{request.reason}: saving, then stopping (Ctrl-C again stops at once)")

    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        with _leave_on_second_interrupt():
            yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def _leave_on_second_interrupt() -> Iterator[None]:
    """End the process at the first SIGINT that comes after another signal.

    The main thread can be long inside the compiler or a step, where no Python handler runs; the
    interpreter writes each signal's number to a pipe right away, and a thread reads it there.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def watch() -> None:
        asked = False
        while number := os.read(reading, 1):
            if number[0] not in _SIGNALS:
                continue
            if asked and number[0] == signal.SIGINT:
                # Saves are whole or not there, so that leaving in the middle loses nothing saved.
                sys.stderr.write("stopped at once; what was saved stays\n")
                sys.stderr.flush()
                os._exit(Exit.STOPPED)
            asked = True

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        watcher.join()
        os.close(reading)

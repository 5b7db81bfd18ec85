"""Signals: at work the first asks to save and stop; otherwise they end the process, nothing lost.

The main thread can be long inside an import, the compiler or a step, where no Python handler runs,
or in a finaliser, which swallows what a handler raises. So no handler raises anything. The
interpreter writes each signal's number to a pipe right away, and a thread reads it there and acts.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from research.errors import Exit

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""A request to end, Ctrl-C, and the loss of the terminal or of the connection to it."""
BEFORE = "stopped before it began; nothing was lost"
LATER = "stopped: interrupted; what was saved stays, and the same command continues"
AT_ONCE = "stopped at once; what was saved stays"

_END = b"\xff"
"""In the pipe: what comes after it is answered no more."""

Answer = Callable[[int], None]
"""What is done about a signal: may be called twice for one, in the main thread and in another."""


class StopRequest:
    """Whether, and by what, the loop was asked to stop."""

    def __init__(self) -> None:
        self.reason = ""

    def __bool__(self) -> bool:
        return bool(self.reason)


def _write(words: str) -> None:
    # Not through `sys.stderr`: the main thread may hold its lock for ever.
    os.write(2, f"{words}\n".encode())


class _Watch:
    """Who reads the signals of this process, and what is done about them.

    Attributes:
        answer: what is done; None where a signal ends the process.
        patient: whether a second Ctrl-C is answered like the first, instead of ending the process.
        words: the message where one ends the process.
        write: writes it.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.patient = False
        self.words = BEFORE
        self.write: Callable[[str], None] = _write
        self._reading, self._writing = _pipe()
        self._before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._read, name="signals", daemon=True)
        self._thread.start()
        self._asked = False
        self._unanswered = threading.Event()
        self._leaving = threading.Lock()

    def install(self) -> None:
        """Take the signals; those that are ignored stay so, as for `nohup` and a shell's `&`."""
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)

    def close(self) -> None:
        """Read no more signals."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    def _read(self) -> None:
        while number := os.read(self._reading, 1):
            if number[0] in SIGNALS:
                self._act(number[0])
            elif number == _END:
                self.answer, self.words = None, LATER
                self._unanswered.set()

    def _act(self, number: int) -> None:
        answer = self.answer
        if answer is None:
            self._leave(self.words)
        elif self._asked and number == signal.SIGINT and not self.patient:
            # Saves are whole or not there, so that leaving in the middle loses nothing saved.
            self._leave(AT_ONCE)
        else:
            self._asked = True
            answer(number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        answer = self.answer
        if answer is None:
            self._leave(self.words)
        else:
            answer(number)

    def _leave(self, words: str) -> None:
        if self._leaving.acquire(blocking=False):
            try:
                if os.isatty(2):
                    _write("\x1b[?25h\r\x1b[K\x1b[A")  # a bar's line goes, the cursor comes back
                self.write(words)
            finally:
                os._exit(Exit.STOPPED)

    @contextmanager
    def answering(self, answer: Answer, *, patient: bool) -> Iterator[None]:
        """Do `answer` about signals, for as long as the context lasts."""
        # Once more: JAX takes SIGTERM for itself where several processes are joined.
        self.install()
        self._asked, self.patient, self.answer = False, patient, answer
        try:
            yield
        finally:
            # Through the pipe: signals that came before are answered before.
            self._unanswered.clear()
            os.write(self._writing, _END)
            self._unanswered.wait()


_standing: _Watch | None = None
"""The watch of a process that `launch.py` started, from its first moment to its end."""


def end_on_signals() -> None:
    """From now on signals end this process with a word, unless something is to be done about them.

    To be called once, in the main thread, before anything that takes time is imported.
    """
    global _standing
    _standing = _Watch()
    _standing.install()
    atexit.register(_ignore_signals)


def _ignore_signals() -> None:
    # All is done. Python takes its handlers away as it ends, and a signal would then kill it.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def set_ending(words: str | None = None, write: Callable[[str], None] | None = None) -> None:
    """Set the message where a signal ends this process, and its writer; None changes nothing."""
    if _standing is not None:
        _standing.words = words or _standing.words
        _standing.write = write or _standing.write


@contextmanager
def answered(answer: Answer, *, patient: bool = False) -> Iterator[None]:
    """Do `answer` about signals, for as long as the context lasts.

    Outside the main thread, where Python allows no handlers, nothing is done about them.

    `answer` is called with the signal's number, at once in a thread of its own, and again in the
    main thread when that comes to it. With `patient` a second Ctrl-C is answered too; otherwise it
    ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with ExitStack() as stack:
        watch = _standing or stack.enter_context(_watching())
        stack.enter_context(watch.answering(answer, patient=patient))
        yield


@contextmanager
def stop_on_signals(note: Callable[[str], None]) -> Iterator[StopRequest]:
    """Turn signals into a request to stop, for as long as the context lasts."""
    request, first = StopRequest(), threading.Lock()

    def ask(number: int) -> None:
        request.reason = request.reason or signal.Signals(number).name
        if first.acquire(blocking=False):
            note(f"{request.reason}: saving, then stopping (Ctrl-C again stops at once)")

    with answered(ask):
        yield request


@contextmanager
def _watching() -> Iterator[_Watch]:
    """A watch for a while, in a process that has no other."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    watch = _Watch()
    try:
        yield watch
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        watch.close()


def _pipe() -> tuple[int, int]:
    # Not in the place of a standard stream that is closed: its text would be taken for signals.
    low = os.pipe()
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in low)
    for end in low:
        os.close(end)
    os.set_blocking(writing, False)
    return reading, writing

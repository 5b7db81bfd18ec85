"""Shows how an export goes: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from typing import Any, TextIO

from research.options.terminal import is_terminal, make_console

QUIET_SECONDS = 10.0
"""Between plain lines of the same words."""


class Progress:
    """What is done, and how much of it; to be closed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._words = ""
        self._at = 0.0
        self._bar: Any = None
        self._task: Any = None
        if is_terminal(file):
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
            self._bar = Bar(*columns, console=make_console(file), transient=True)
            self._bar.start()

    def tell(self, words: str, done: int, of: int) -> None:
        """Show that so many of some rows are done; 0 of 0 where that is not known."""
        now = time.monotonic()
        new = words != self._words
        if self._bar is not None:
            if new:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(words, total=of or None)
            self._bar.update(self._task, completed=done)
        elif new or now - self._at > QUIET_SECONDS:
            rows = f": {done:,} of {of:,}" if of else ""
            print(f"{words}{rows}", file=self._file, flush=True)
            self._at = now
        self._words = words

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

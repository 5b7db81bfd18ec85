"""A progress bar for what is done once: making an index, decoding, filtering."""

from __future__ import annotations

import sys
from typing import Any

from research.data.file_sets.plain import Tell
from research.options.terminal import is_terminal, make_console


class Bar:
    """A progress bar on a terminal; elsewhere nothing."""

    def __enter__(self) -> Tell:
        self._bar: Any = None
        return self._tell if is_terminal(sys.stderr) else lambda words, done, of: None

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _tell(self, words: str, done: int, of: int) -> None:
        if self._bar is None:
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeRemainingColumn,
            )

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=make_console(sys.stderr), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(words, total=of)
        self._bar.update(self._task, description=words, completed=done, total=of)

"""Where text goes: as wide as the terminal, coloured only on one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

UNBOUNDED = 1000


def is_terminal(file: TextIO) -> bool:
    """Whether a person looks at `file`."""
    return bool(getattr(file, "isatty", lambda: False)())


def width(file: TextIO) -> int:
    """Columns to lay text out in: the terminal's, or 100 where there is none."""
    return shutil.get_terminal_size().columns if is_terminal(file) else 100


def make_console(file: TextIO) -> Console:
    """A rich console that never cuts a line where no terminal sets the width."""
    from rich.console import Console

    class EncoreConsole(Console):
        def on_broken_pipe(self) -> None:
            # Rich, which has caught it, would exit with 1 on its own; `main` knows better.
            raise

    columns = None if is_terminal(file) else UNBOUNDED
    return EncoreConsole(file=file, width=columns, highlight=False, emoji=False)


def cut(text: str, columns: int) -> str:
    """The text, with an ellipsis where it would be longer than `columns`."""
    return text if len(text) <= columns else f"{text[: max(columns - 1, 0)].rstrip()}…"

"""Text for people: tables as wide as the terminal, and coloured only there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

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
    return EncoreConsole(file=file, width=columns, highlight=False, emoji=False, markup=False)


def cut(text: str, columns: int) -> str:
    """The text, with an ellipsis where it would be longer than `columns`."""
    return text if len(text) <= columns else f"{text[: max(columns - 1, 0)].rstrip()}…"


def spell_bytes(size: float) -> str:
    """`731 B`, `12.3 KiB`, `1.4 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


_GAP = 2
_LEAST = 12
"""Columns that a flexible column must have to be worth showing."""


class Column(NamedTuple):
    """One column.

    Attributes:
        title: its heading.
        cells: one text a row.
        style: rich style of its cells.
        styles: one style a row, instead.
        right: whether cells stand at the right.
        shorter: what it can give up where not all fits: (rank, shorter cells), or (rank, None) to
            leave it out. What is of the lowest rank in the whole table goes first.
        flexible: whether its cells may be cut to the space that is left.
    """

    title: str
    cells: Sequence[str]
    style: str = ""
    styles: Sequence[str] = ()
    right: bool = False
    shorter: Sequence[tuple[int, Sequence[str] | None]] = ()
    flexible: bool = False

    @property
    def wide(self) -> int:
        """Columns of the terminal that it takes."""
        return max(len(self.title), *map(len, self.cells))


def print_table(columns: Sequence[Column], file: TextIO) -> None:
    """Print columns side by side; where no terminal sets a width, all of them and whole."""
    if is_terminal(file):
        columns = fit(columns, width(file))
    console = make_console(file)
    # Lines are fitted already; rich would fold them where it takes a terminal for another width.
    console.width = UNBOUNDED
    console.print(_line(columns, [column.title for column in columns], ["dim"] * len(columns)))
    for at in range(len(columns[0].cells)):
        styles = [column.styles[at] if column.styles else column.style for column in columns]
        console.print(_line(columns, [column.cells[at] for column in columns], styles))


def _line(columns: Sequence[Column], cells: Sequence[str], styles: Sequence[str]) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True, overflow="ignore", end="\n")
    for at, (column, cell, style) in enumerate(zip(columns, cells, styles, strict=True)):
        last = at == len(columns) - 1
        line.append(_padded(column, cell, last=last), style or None)
        line.append("" if last else " " * _GAP)
    return line


def _padded(column: Column, text: str, *, last: bool) -> str:
    if column.right:
        return text.rjust(column.wide)
    return text if last else text.ljust(column.wide)


def fit(columns: Sequence[Column], columns_of_terminal: int) -> list[Column]:
    """The columns, and of each the form, that fit side by side.

    A flexible column is cut, down to a few letters; then columns give up what they can, by rank;
    at last the widest cells are cut.
    """
    kept: list[Column | None] = list(columns)

    def room() -> int:
        return columns_of_terminal - sum(c.wide + _GAP for c in kept if c is not None) + _GAP

    for at, column in enumerate(columns):
        if column.flexible and room() < 0 and column.wide + room() >= _LEAST:
            kept[at] = _cut(column, column.wide + room())
    givable = [
        (rank, at, cells) for at, column in enumerate(columns) for rank, cells in column.shorter
    ]
    for _, at, cells in sorted(givable, key=lambda given: given[:2]):
        column_now = kept[at]
        if room() < 0 and column_now is not None:
            kept[at] = None if cells is None else column_now._replace(cells=cells)
    left = [column for column in kept if column is not None]
    kept = [*left]
    while room() < 0:
        at = max(range(len(left)), key=lambda index: left[index].wide)
        if left[at].wide <= _LEAST // 2:
            break
        left[at] = _cut(left[at], max(left[at].wide + room(), _LEAST // 2))
        kept = [*left]
    return left


def _cut(column: Column, columns: int) -> Column:
    return column._replace(
        title=cut(column.title, columns), cells=[cut(text, columns) for text in column.cells]
    )

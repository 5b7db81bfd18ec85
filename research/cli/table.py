"""A table that reads well in a wide terminal, in a narrow one, and in a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from research.cli.terminal import cut, is_terminal, make_console, width

if TYPE_CHECKING:
    from rich.text import Text

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
        short: shorter cells, for a terminal in which not all fits.
        drop: the order in which columns go where it is too narrow, the smallest first; 0 stays.
        flexible: whether its cells may be cut to the space that is left.
    """

    title: str
    cells: Sequence[str]
    style: str = ""
    styles: Sequence[str] = ()
    right: bool = False
    short: Sequence[str] = ()
    drop: int = 0
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

    First a flexible column is cut, down to a few letters; then columns that may be dropped go, one
    by one; then cells take their short forms; at last the widest cells are cut.
    """
    kept = list(columns)

    def room() -> int:
        return columns_of_terminal - sum(c.wide + _GAP for c in kept) + _GAP

    for at, column in enumerate(kept):
        if column.flexible and room() < 0 and column.wide + room() >= _LEAST:
            kept[at] = _cut(column, column.wide + room())
    for column in sorted((c for c in columns if c.drop), key=lambda c: c.drop):
        if room() < 0 and column in kept:
            kept.remove(column)
    for at, column in enumerate(kept):
        if room() < 0 and column.short:
            kept[at] = column._replace(cells=column.short)
    while room() < 0:
        at = max(range(len(kept)), key=lambda index: kept[index].wide)
        if kept[at].wide <= _LEAST // 2:
            break
        kept[at] = _cut(kept[at], max(kept[at].wide + room(), _LEAST // 2))
    return kept


def _cut(column: Column, columns: int) -> Column:
    return column._replace(
        title=cut(column.title, columns), cells=[cut(text, columns) for text in column.cells]
    )

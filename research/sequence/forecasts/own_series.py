"""A user's own series as a forecaster's input: the last values of columns of a CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from research.errors import Mistake
from research.prediction import Own

TAKES = "a CSV file, or one of its columns: FILE.csv:COLUMN"


def read_series(word: str, names: Sequence[str], window: int | None) -> Own:
    """The last values of a CSV file as `values`, float32 `[1, window, features]`.

    A column is found by what the first row calls it. Where a single one is read and a single one
    holds numbers, it may be called anything, or nothing.

    Args:
        word: the file's path, with `:COLUMN` after it where another column is meant than that with
            the feature's name.
        names: of the features.
        window: values that are read; None for all.

    Raises:
        Mistake: there is no such file or column, it holds too few values, or what is no number.
    """
    file, chosen = word, ""
    if not Path(word).exists() and ":" in word:
        file, _, chosen = word.rpartition(":")
    rows = _rows_of(file)
    head = [] if any(map(_is_number, rows[0])) else rows[0]
    below = rows[1:] if head else rows
    if chosen and len(names) > 1:
        raise Mistake(f"{word}: this model reads {len(names)} columns, {', '.join(names)}")
    last = below[-1] if below else []
    numeric = [at for at, cell in enumerate(last) if _is_number(cell)]
    if len(names) == len(numeric) == 1 and not chosen:
        columns = numeric
    else:
        columns = [_find(file, name, head) for name in ([chosen] if chosen else names)]
    if len(below) < (window or 1):
        raise Mistake(
            f"{file} has {len(below)} values; this model forecasts from the last {window or 1}"
        )
    kept = below[-window:] if window else below
    first = len(rows) - len(kept) + 1
    values = [
        [_number(file, line, row, column) for column in columns]
        for line, row in enumerate(kept, first)
    ]
    left = len(below) - len(kept)
    note = f"the last {len(kept)} of {len(below)} rows" if left else ""
    name = Path(file).name + (f":{chosen}" if chosen else "")
    return Own(name, {"values": np.asarray(values, np.float32)[None]}, note)


def _rows_of(file: str) -> list[list[str]]:
    try:
        with Path(file).open(newline="", encoding="utf-8-sig") as opened:
            rows = [[cell.strip() for cell in row] for row in csv.reader(opened) if any(row)]
    except FileNotFoundError:
        raise Mistake(f"there is no file {file}; this model takes {TAKES}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Mistake(f"{file} cannot be read as CSV ({error}); this model takes {TAKES}") from None
    if not rows:
        raise Mistake(f"{file} is empty; this model takes {TAKES}")
    return rows


def _find(file: str, name: str, head: Sequence[str]) -> int:
    """Where a column stands."""
    if name in head:
        return head.index(name)
    there = f"its columns are {', '.join(head)}" if head else "its first row has no names"
    raise Mistake(
        f"{file} has no column {name!r}: {there}; say which one is meant as FILE.csv:COLUMN"
    )


def _number(file: str, line: int, row: Sequence[str], column: int) -> float:
    cell = row[column] if column < len(row) else ""
    if not _is_number(cell):
        raise Mistake(f"{file}, row {line}: {cell!r} is no number")
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False

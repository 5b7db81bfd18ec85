"""A user's own row of a table: a JSON object, or a row of a CSV file."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from research.data.own_text import read_own
from research.errors import Mistake
from research.options.convert import did_you_mean
from research.prediction import Own, place_of

TAKES = (
    'a JSON object, {"column": number, ...}, a file that holds one, or a row of a CSV file: '
    "FILE.csv or FILE.csv:ROW"
)


def read_row(
    word: str,
    columns: Sequence[str],
    categories: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Own:
    """The numbers of a row by column, float32 `[1]` each; NaN where there is none.

    Args:
        word: a JSON object; a file that holds one; or a CSV file whose first row has the names, and
            `:ROW` after it where another row is meant than the first, which is 1.
        columns: that are read. Others are passed over in a CSV file, as one's own often has more.
        categories: as `Predictor.categories`.

    Raises:
        Mistake: there is no such file or row, it lacks a column, or holds what is no number.
    """
    file, _, number = word.rpartition(":")
    if not (file.endswith(".csv") and number.isdecimal()):
        file, number = word, "1"
    if file.endswith(".csv"):
        name, row = f"{Path(file).name}:{number}", _row_of(file, int(number))
    else:
        text, name = read_own(word)
        row, name = _object_of(text, columns), "your row" if name == word else name
    if lacking := [column for column in columns if column not in row]:
        raise Mistake(
            f"{name} lacks {', '.join(lacking)}; this model reads {', '.join(columns)}. A number "
            "that is not known is null in JSON, and an empty cell in CSV"
        )
    numbers = {
        column: _place(row[column], categories[column])
        if column in categories
        else _number(name, column, row[column])
        for column in columns
    }
    missing = [column for column, value in numbers.items() if math.isnan(value)]
    note = f"not known: {', '.join(missing)}" if missing else ""
    inputs = {column: np.array([value], np.float32) for column, value in numbers.items()}
    return Own(name, inputs, note)


def _object_of(text: str, columns: Sequence[str]) -> Mapping[str, Any]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise Mistake(f"{text!r} is not JSON ({error}); this model takes {TAKES}") from None
    if not isinstance(row, dict):
        raise Mistake(f"{text!r} is no JSON object; this model takes {TAKES}")
    for column in row:
        if column not in columns:
            near = did_you_mean(column, columns) or f"; it reads {', '.join(columns)}"
            raise Mistake(f"this model reads no column {column!r}{near}")
    return row


def _row_of(file: str, number: int) -> Mapping[str, Any]:
    text, _ = read_own(file)
    rows = [*csv.DictReader(io.StringIO(text, newline=""))]
    if not 1 <= number <= len(rows):
        raise Mistake(f"{file} has no row {number}: below its names there are {len(rows)} rows")
    return {str(name).strip(): cell for name, cell in rows[number - 1].items()}


def _place(value: Any, categories: tuple[str, ...]) -> float:
    return float(place_of(None if value is None else str(value), categories))


def _number(name: str, column: str, value: Any) -> float:
    if value is None or value == "":
        return math.nan
    try:
        number = float(value) if not isinstance(value, bool | list | dict) else math.inf
    except ValueError:
        number = math.inf
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise Mistake(f"{name}: {column} is {value!r}, which is no number")
    return number

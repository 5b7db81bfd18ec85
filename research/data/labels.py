"""Labels of one's own data: which classes there are, and the number of each."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from research.data.bar import Tell
from research.data.columns import Columns
from research.data.sources.kept import find_value_once, in_parts
from research.data.sources.mapped import Mapped
from research.data.sources.wrapping import digest_of
from research.data.tfds_split import known_classes
from research.engine.experiment import Source
from research.errors import Mistake

Value: TypeAlias = int | str
MOST = 10_000
"""Classes: a column of more is likely none of labels."""


class Classes(NamedTuple):
    """The classes of a column.

    Attributes:
        values: what the column holds for each: whole numbers or texts, in rising order.
        names: what people call them.
    """

    values: tuple[Value, ...]
    names: tuple[str, ...]


def find_classes(train: Source, column: str) -> Classes:
    """The classes that the training split has, found once and kept in `ENCORE_CACHE_DIR`.

    Where the source itself knows them, as a folder of pictures does, they are all of these.

    Raises:
        Mistake: if there is no such column, it holds neither whole numbers nor texts, or so many
            different ones that they are no classes.
    """
    if names := known_classes(train, column):
        return Classes(tuple(range(len(names))), names)

    def find(tell: Tell) -> list[Value]:
        found: set[Value] = set()
        for _, columns in in_parts(train, f"reading the classes of {train.name}", tell):
            found.update(_values(columns, column, train.name))
            if len(found) > MOST:
                raise Mistake(
                    f"{train.name}: column {column!r} holds more than {MOST:,} different values, "
                    "so that it is no column of labels"
                )
        return sorted(found)

    values = find_value_once(digest_of((train,), "classes", column, 2), find)
    return Classes(tuple(values), tuple(map(str, values)))


def labelled(source: Source, column: str, classes: Classes) -> Mapped:
    """The source with a column `label`, int32: the number of each example's class.

    The column that it is made of is left out if it has another name.
    """
    does = f"{column} as one of {len(classes.values):,} classes"
    return Mapped(source, partial(_number, source.name, column, classes.values), does)


def _number(whose: str, column: str, values: tuple[Value, ...], columns: Columns) -> Columns:
    numbers = {value: number for number, value in enumerate(values)}
    label = []
    for value in _values(columns, column, whose):
        if value not in numbers:
            some = ", ".join(map(str, values[:9])) + " ..." * (len(values) > 9)
            raise Mistake(
                f"{whose}: {column} {value!r} is none of the classes to be learned: {some}. "
                "Correct it, or leave out such examples (Filtered)"
            )
        label.append(numbers[value])
    others = {name: each for name, each in columns.items() if name != column}
    return {**others, "label": np.array(label, np.int32)}


def _values(columns: Columns, column: str, whose: str) -> list[Value]:
    if column not in columns:
        raise Mistake(f"{whose} has no column {column!r}; it has {', '.join(sorted(columns))}")
    held = columns[column]
    if held.dtype.kind in "iub" and held.ndim == 1:
        return [int(each) for each in held]
    if held.dtype == object and all(isinstance(each, bytes) for each in held):
        return [each.decode("utf-8", "replace") for each in held]
    raise Mistake(
        f"{whose}: column {column!r} holds neither whole numbers nor texts, and so no labels"
    )

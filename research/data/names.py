"""What the classes of a data set are called."""

from __future__ import annotations

from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Source


def class_names(source: Source, column: str, classes: int) -> tuple[str, ...]:
    """The names of the classes 0 to `classes` - 1: the data set's own where it knows them.

    Args:
        source: a split.
        column: the one that holds the class.
        classes: how many there are.
    """
    names = source.class_names(column) if isinstance(source, TfdsSplit) else ()
    return names if len(names) == classes else tuple(map(str, range(classes)))

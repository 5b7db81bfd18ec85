"""California's house values as a regression: the target, and the book's splits of raw columns."""

from __future__ import annotations

from research.data.districts import COLUMNS, DATASET, UNIT, VALUE, book_rows, read_districts
from research.data.sources.arrays import ArraySource
from research.tabular.regression import Target

TARGET = Target(VALUE, UNIT, "median house value, in 100,000 dollars")


def read_splits() -> dict[str, ArraySource]:
    """Raw columns of the book's splits, `train`, `validation` and `test`.

    Raises:
        Mistake: the data set is not prepared.
    """
    columns = read_districts()
    rows = book_rows(len(columns[VALUE]))
    return {
        name: ArraySource(
            f"{DATASET} {name}, as in the book",
            {column: columns[column][chosen] for column in (*COLUMNS, VALUE)},
        )
        for name, chosen in rows.items()
    }

"""California's districts: raw columns, the book's eight features of them, rows of its splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from research.data.tfds_split import TfdsSplit

DATASET = "california_housing"
COLUMNS = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
)
"""Numbers of a district, raw; `total_bedrooms` is missing in 207 districts, NaN."""
VALUE = "median_house_value"
"""The column that is predicted, in dollars."""
UNIT = 1e5
"""Dollars that are 1 to a net."""
FEATURES = (
    "income",
    "age of the houses",
    "rooms a household",
    "bedrooms a household",
    "population",
    "people a household",
    "latitude",
    "longitude",
)
SEED = 42
"""Of the book's splits."""


def read_districts() -> Mapping[str, np.ndarray]:
    """All districts in the file's order, column by column.

    Raises:
        Mistake: the data set is not prepared.
    """
    return TfdsSplit(DATASET, "train").load()


def features_of(columns: Mapping[str, Any]) -> Any:
    """`[districts, features]`, as `FEATURES`; NaN where something is missing.

    Columns are those of the data set, `[districts]` each, on the host or the device.
    """
    households = columns["households"]
    parts = [
        columns["median_income"],
        columns["housing_median_age"],
        columns["total_rooms"] / households,
        columns["total_bedrooms"] / households,
        columns["population"],
        columns["population"] / households,
        columns["latitude"],
        columns["longitude"],
    ]
    return households.__array_namespace__().stack(parts, axis=1)


def book_rows(districts: int) -> dict[str, np.ndarray]:
    """Split -> rows of the file: a quarter for the test, a quarter of the rest for validation.

    The same as scikit-learn's `train_test_split(..., random_state=42)` twice, as in the book.
    """
    rest, test = _cut(np.arange(districts))
    train, validation = _cut(rest)
    return {"train": train, "validation": validation, "test": test}


def _cut(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    held_out = -(-len(rows) // 4)
    order = np.random.RandomState(SEED).permutation(len(rows))
    return rows[order[held_out:]], rows[order[:held_out]]

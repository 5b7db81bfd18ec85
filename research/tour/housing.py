"""California's districts as a regression: the book's eight features, rows of its splits, scaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from research.data.districts import DATASET, UNIT, book_rows, features_of, read_districts
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data

EVALUATED = 512
"""Districts in one batch of an evaluation; the last one is padded."""


class Split(NamedTuple):
    """Districts.

    Attributes:
        x: float32 `[districts, features]`, each feature of mean 0 and deviation 1 in training.
        y: float32 `[districts]`, the median value of a house in units of 100,000 dollars.
    """

    x: np.ndarray
    y: np.ndarray


def read_housing() -> dict[str, Split]:
    """The splits `train`, `validation` and `test`: 11,610, 3,870 and 5,160 districts.

    The 207 districts whose bedrooms are missing are given the training districts' median of
    bedrooms a household.

    Raises:
        Mistake: the data set is not prepared.

    Source: Géron 2019, "Hands-On Machine Learning", 2nd edition, chapters 10 and 12, which use
    scikit-learn's copy of the same census: the same rows, with nothing missing.
    """
    columns = read_districts()
    features, value = features_of(columns), columns["median_house_value"] / UNIT
    rows = book_rows(len(value))
    train = features[rows["train"]]
    features = np.where(np.isnan(features), np.nanmedian(train, axis=0), features)
    train = features[rows["train"]]
    scaled = (features - train.mean(axis=0)) / train.std(axis=0)
    return {
        name: Split(scaled[chosen].astype(np.float32), value[chosen].astype(np.float32))
        for name, chosen in rows.items()
    }


def housing_data(splits: Mapping[str, Split], batch_size: int) -> Data:
    """What an experiment trains on and is measured on."""
    sources = {
        name: ArraySource(f"{DATASET} {name}, as in the book", split._asdict())
        for name, split in splits.items()
    }
    return Data(sources, shuffled_rows(len(splits["train"].y), batch_size), None, EVALUATED)

"""House values from 20 CSV files by a plain net of normalised features.

The set-up of Géron's chapter 13: California's districts in 20 files for training and 10 each for
validation and test, the book's eight features of a district, one hidden layer. Files are written
on first use, and hold the raw columns of the census. Medians for what is missing, means and
deviations are fitted to the training files, and applied inside the model, which so takes a row as
it stands in a file: `predict california_housing_csv FILE.csv:3`. `mse` and `mae` are in units of
100,000 dollars; rows of the splits are those of the book.

Run: python launch.py run data/california_housing_csv
Expected: test mse .339 to .352 (the book's nets from CSV files: .479 in its second edition, .387 in
  its third)
Time: 5 s
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from research.data.columns import Columns, Form
from research.data.districts import COLUMNS, VALUE
from research.data.file_sets.written import OnDamage, Written
from research.data.formats.csv_files import CSV
from research.data.sources.mapped import Mapped
from research.engine.experiment import Source
from research.tabular.housing import read_splits
from research.tabular.plain_housing import PlainHousing

SHARDS = {"train": 20, "validation": 10, "test": 10}
FORMAT = CSV({name: Form(np.dtype(np.float32), ()) for name in (*COLUMNS, VALUE)})


def as_float32(columns: Columns) -> Columns:
    """Numbers as the model computes with them."""
    return {name: column.astype(np.float32) for name, column in columns.items()}


@dataclass(frozen=True)
class HousingCSV(PlainHousing):
    """Options."""

    damaged: OnDamage = "stop"

    def splits(self) -> Mapping[str, Source]:
        """The book's splits, from CSV files."""
        files = {}
        for name, source in read_splits().items():
            rounded = Mapped(source, as_float32, "in float32")
            folder = f"california_housing_csv/{name}"
            files[name] = Written(rounded, FORMAT, folder, SHARDS[name], self.damaged)
        return files


config = HousingCSV()

"""The builder of the districts of California."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from research.data.builders.california_housing import NUMBERS, CaliforniaHousing
from research.data.download import prepare_dataset
from research.data.prepared import find
from research.data.tfds_split import TfdsSplit
from research.errors import Damaged

LINES = f"""{",".join(NUMBERS)},ocean_proximity
-122.23,37.88,41.0,880.0,129.0,322.0,126.0,8.3252,452600.0,NEAR BAY
-118.3,34.0,52.0,2437.0,,1800.0,500.0,2.5,500001.0,<1H OCEAN
""".encode()


def test_districts_are_in_the_files_order_and_what_is_missing_is_nan(serve_download):
    serve_download(CaliforniaHousing, LINES)
    prepare_dataset("california_housing", Console(file=io.StringIO()))
    source = TfdsSplit("california_housing", "train")
    districts = source.load()
    assert districts["median_house_value"].tolist() == [452600.0, 500001.0]
    assert np.isnan(districts["total_bedrooms"]).tolist() == [False, True]
    names = source.class_names("ocean_proximity")
    assert [names[each] for each in districts["ocean_proximity"]] == ["NEAR BAY", "<1H OCEAN"]


def test_another_file_is_refused(serve_download):
    serve_download(CaliforniaHousing, LINES, is_known=False)
    with pytest.raises(Damaged, match="SHA-256 differs"):
        prepare_dataset("california_housing", Console(file=io.StringIO()))
    assert find("california_housing") is None

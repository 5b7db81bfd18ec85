"""The builder of the ridership series."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from research.data.builders.cta_ridership import CtaRidership, read_days
from research.data.download import prepare_dataset
from research.data.prepared import find
from research.data.tfds_split import TfdsSplit
from research.errors import Damaged

LINES = b"""service_date,day_type,bus,rail_boardings,total_rides
01/06/2001,A,617,364,981
01/01/2001,U,297,126,423
01/02/2001,W,780,501,1281
01/02/2001,W,780,501,1281
"""


def test_days_are_in_order_and_each_is_there_once(serve_download):
    serve_download(CtaRidership, LINES)
    prepare_dataset("cta_ridership", Console(file=io.StringIO()))
    days = TfdsSplit("cta_ridership", "train").load()
    assert days["service_date"].tolist() == [b"2001-01-01", b"2001-01-02", b"2001-01-06"]
    assert days["day_type"].tolist() == [1, 2, 0]
    assert days["rail_boardings"].tolist() == [126, 501, 364]
    np.testing.assert_array_equal(days["total_rides"], days["bus"] + days["rail_boardings"])


def test_another_file_is_refused(serve_download):
    serve_download(CtaRidership, LINES, is_known=False)
    with pytest.raises(Damaged, match="SHA-256 differs"):
        prepare_dataset("cta_ridership", Console(file=io.StringIO()))
    assert find("cta_ridership") is None


def test_lines_that_contradict_each_other_are_refused(tmp_path):
    path = tmp_path / "days.csv"
    path.write_bytes(LINES + b"01/06/2001,A,617,365,982\n")
    with pytest.raises(Damaged, match="2001-01-06"):
        read_days(path)

"""Columns of a user's own CSV file: which are read, from where, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from research.errors import Mistake
from research.sequence.forecasts.own_series import read_series


@pytest.fixture
def save(tmp_path):
    """Text -> the path of a file that holds it."""

    def save(text, name="own.csv"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return save


def values_of(own):
    return own.inputs["values"][0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "1\n2\n3\n4\n",
        "value\n1\n2\n3\n4\n",
        "anything\n1\n2\n3\n4\n\n",
        "day,boardings\nMon,1\nTue,2\nWed,3\nThu,4\n",
        "Mon,1\nTue,2\nWed,3\nThu,4\n",
        'day,other,value\nMon,9,1\nTue,9,2\n"Wed\nor so",9,3\nThu,9,4\n',
        "\ufeffvalue;x\n1\n2\n3\n4".replace(";x", ""),
    ],
)
def test_the_last_values_of_the_column_that_is_meant(save, text):
    own = read_series(save(text), ["value"], 3)
    assert values_of(own) == [[2.0], [3.0], [4.0]] and own.inputs["values"].dtype == np.float32
    assert own.note == "the last 3 of 4 rows" and own.name == "own.csv"
    assert values_of(read_series(save(text), ["value"], None)) == [[1.0], [2.0], [3.0], [4.0]]


def test_a_column_by_name_and_several_in_the_order_of_the_features(save):
    path = save("bus,rail\n5,1\n6,2\n7,3\n")
    assert values_of(read_series(f"{path}:bus", ["rail"], 2)) == [[6.0], [7.0]]
    assert values_of(read_series(path, ["rail"], 2)) == [[2.0], [3.0]]  # control
    assert values_of(read_series(path, ["rail", "bus"], 2)) == [[2.0, 6.0], [3.0, 7.0]]


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        (None, "", "there is no file .*gone.csv"),
        ("", "", "is empty"),
        ("1\n2\n", "", "has 2 values; this model forecasts from the last 3"),
        ("a,b\n1,2\n3,4\n5,6\n", "", "no column 'value': its columns are a, b; say which"),
        ("1,2\n3,4\n5,6\n", "", "its first row has no names"),
        ("a,b\n1,2\n3,4\n5,6\n", ":c", "no column 'c'"),
        ("value\n1\nx\n3\n4\n", "", "row 3: 'x' is no number"),
        ("a,value\n1,2\n1\n1,3\n1,4\n", "", "row 3: '' is no number"),
        ("value\n1\nnan\n3\n4\n", "", "row 3: 'nan' is no number"),
    ],
)
def test_what_is_no_such_series_is_refused(save, tmp_path, text, more, says):
    path = str(tmp_path / "gone.csv") if text is None else save(text)
    with pytest.raises(Mistake, match=says):
        read_series(path + more, ["value"], 3)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "own.csv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(Mistake, match="cannot be read as CSV"):
        read_series(str(tmp_path / "own.csv"), ["value"], 3)
    with pytest.raises(Mistake, match="cannot be read as CSV"):
        read_series(str(tmp_path), ["value"], 3)

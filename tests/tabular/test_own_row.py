"""A row of one's own: from JSON or a CSV file, or one message that says what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from research.errors import Mistake
from research.tabular.own_row import read_row

COLUMNS = ("rooms", "age")


def test_a_row_is_read_from_json_a_file_of_it_and_csv(tmp_path):
    for word in ('{"age": null, "rooms": 3.5}', str(tmp_path / "row.json")):
        (tmp_path / "row.json").write_text(json.dumps({"rooms": 3.5, "age": None}))
        own = read_row(word, COLUMNS)
        assert own.inputs["rooms"].tolist() == [3.5] and np.isnan(own.inputs["age"])
        assert own.inputs["age"].dtype == np.float32 and own.note == "not known: age"
    table = tmp_path / "rows.csv"
    table.write_text("where, age,rooms\nA,1,2\n\nB,,4\n")
    assert read_row(str(table), COLUMNS).inputs["rooms"].tolist() == [2]
    second = read_row(f"{table}:2", COLUMNS)
    assert second.inputs["rooms"].tolist() == [4] and np.isnan(second.inputs["age"])
    assert second.name == "rows.csv:2"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hello", "is not JSON"),
        ("[1, 2]", "is no JSON object"),
        ('{"rooms": 1}', "lacks age; this model reads rooms, age"),
        ('{"rooms": 1, "agee": 2}', "no column 'agee'; did you mean age?"),
        ('{"rooms": "many", "age": 2}', "rooms is 'many', which is no number"),
        ('{"rooms": true, "age": 2}', "rooms is True, which is no number"),
        ('{"rooms": 1e300, "age": 2}', "rooms is 1e\\+300, which is no number"),
        ("none.csv", "there is no file none.csv"),
        ("none.csv:3", "there is no file none.csv"),
    ],
)
def test_what_is_no_row_has_one_message(word, message):
    with pytest.raises(Mistake, match=message):
        read_row(word, COLUMNS)


def test_a_row_that_a_file_does_not_have(tmp_path):
    (tmp_path / "rows.csv").write_text("rooms,age\n1,2\n")
    with pytest.raises(Mistake, match="has no row 2: below its names there are 1 rows"):
        read_row(f"{tmp_path / 'rows.csv'}:2", COLUMNS)

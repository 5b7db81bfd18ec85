"""What benchmarks say of what they measured: medians, spreads, verdicts, tables."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spread import median_and_range, ratios, spell, verdict
from benchmarks.table import table

POSITIVE = st.floats(1e-5, 1e9)


def test_a_cell_has_the_median_and_the_extremes():
    assert median_and_range([3.0, 1.0, 2.25]) == "2.25 (1.00–3.00)"
    assert median_and_range([41234.4, 39000.0]) == "40117 (39000–41234)"
    assert median_and_range([-0.51, 4.5], 2) == "2.0 (-0.51–4.5)"
    assert median_and_range([]) == "—"


@given(st.floats(-1e9, 1e9), st.integers(2, 5))
def test_a_spelled_number_is_the_number_to_its_digits(value, digits):
    text = spell(value, digits)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=10.0 ** (1 - digits), abs=10.0**-digits)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1))
def test_ratios_are_made_round_by_round(rounds):
    ours, theirs = zip(*rounds, strict=True)
    again = [ratio * b for ratio, b in zip(ratios(ours, theirs), theirs, strict=True)]
    assert again == pytest.approx(list(ours))


def test_ratios_of_unequal_rounds_are_refused():
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


@given(st.lists(POSITIVE, min_size=1), POSITIVE)
def test_the_median_decides_whether_a_goal_is_met(values, goal):
    middle = statistics.median(values)
    assert (verdict(values, goal) == "met") == (middle >= goal)
    assert (verdict(values, goal, at_most=True) == "met") == (middle <= goal)


def test_nothing_measured_is_no_goal_met():
    assert verdict([], 1.0) == "—"


def test_a_table_has_columns_of_one_width():
    lines = table(["who", "rate"], [["Encore", "1"], ["a", "12345"]]).splitlines()
    assert lines[0] == "| who    | rate  |"
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| ------ | ----- |"

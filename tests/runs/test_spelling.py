"""Figures, values and names in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.engine.result import spread
from research.runs.intervals import UNBOUNDED
from research.runs.spelling import (
    ABSENT,
    decimals_of,
    spell_field,
    spell_figure,
    spell_name,
    spell_parts,
    spell_seeds,
    spell_spread,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ABSENT),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ("nan", "nan"),
        (0.123456, "0.1235"),
        (500.0, "500"),
        (12345.0, "12,345"),
        (123456.0, "123,456"),
        (1e-7, "1e-07"),
        ([1.0, 3.0], "2 ± 1.4"),
        ([None, 0.25], "0.25"),
        ([], ABSENT),
    ],
)
def test_a_figure(value, text):
    assert spell_figure(value) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.9956], "0.9956"),
        ([0.995, 0.996, 0.999], "0.9967 ± 0.0052"),
        ([500.0, 500.0], "500 ± 0"),
        ([0.25], "0.25"),
        ([1234.5, 1240.5], "1,238 ± 38"),
        ([], ABSENT),
        ([math.nan], "not finite"),
        ([1.0, 1.0 + 4e-11], "1 ± 2.5e-10"),
    ],
)
def test_a_spread(values, text):
    assert spell_spread(spread(values)) == text


def test_the_parts_of_a_spread():
    assert spell_parts(spread([0.5]), UNBOUNDED) == ("0.5", "one seed", "")
    assert spell_parts(spread([0.5, 0.5]), UNBOUNDED) == ("0.5", "all the same", "0")
    assert spell_parts(spread([]), UNBOUNDED) == (ABSENT, "", "")
    assert spell_parts(spread([math.nan]), UNBOUNDED) == ("not finite", "", "")
    found = spread([0.96, 0.98, 0.99])
    assert spell_parts(found, UNBOUNDED) == ("0.977", "0.939 to 1.015", "0.015")
    assert spell_parts(found, (0.0, 1.0)) == ("0.977", "0.939 to 1.000", "0.015")


@given(st.floats(1e-9, 1e9))
def test_two_digits_of_the_interval_are_shown(half):
    decimals = decimals_of(half)
    shown = float(f"{half:.{decimals}f}")
    assert shown == pytest.approx(half, rel=0.051)
    digits = f"{half:.{decimals}f}".replace(".", "").lstrip("0")
    assert len(digits) in (2, 3) or decimals == 0


def test_names_fields_and_seeds():
    assert spell_name("evaluation/episode_return") == "evaluation episode return"
    assert spell_field("learning_rate", 0.001) == "learning-rate 0.001"
    assert spell_field("widths", [32, 64]) == "widths 32,64" and spell_field("a", None) == "a none"
    assert spell_seeds([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8" and spell_seeds([]) == ""

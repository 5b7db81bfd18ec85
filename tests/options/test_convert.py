"""From text to value: what is taken, what is refused, and that spelling goes back."""

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.options.convert import Refusal, convert, describe, nearest, spell, supported


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("7", int, 7),
        ("-7", int, -7),
        ("100_000", int, 100_000),
        ("1e5", int, 100_000),
        ("2.5e1", int, 25),
        ("3e-4", float, 3e-4),
        ("-1", float, -1.0),
        ("true", bool, True),
        ("No", bool, False),
        ("adam", Literal["adam", "sgd"], "adam"),
        ("8", Literal[8, 16], 8),
        ("32,64", tuple[int, ...], (32, 64)),
        ("(32, 64)", tuple[int, ...], (32, 64)),
        ("32,", tuple[int, ...], (32,)),
        ("()", tuple[int, ...], ()),
        ("2,0.5", tuple[int, float], (2, 0.5)),
        ("none", int | None, None),
        ("4", int | None, 4),
        ("--odd", str, "--odd"),
    ],
)
def test_right_values(text, kind, value):
    found = convert(text, kind)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("3.5", int, "whole number"),
        ("x", int, "whole number"),
        ("", int, "whole number"),
        ("1e999999999", int, "below"),
        ("nan", int, "whole number"),
        ("nan", float, "finite"),
        ("inf", float, "finite"),
        ("-Infinity", float, "finite"),
        ("1e400", float, "finite"),
        ("1e39", float, "float32"),
        ("1e-39", float, "float32"),
        ("x", float, "a number"),
        ("maybe", bool, "true or false"),
        ("adm", Literal["adam", "sgd"], "did you mean adam"),
        ("1,x", tuple[int, ...], "whole number"),
        ("1,2,3", tuple[int, int], "2 values"),
    ],
)
def test_wrong_values_are_refused_in_words(text, kind, why):
    with pytest.raises(Refusal, match=why):
        convert(text, kind)


def test_a_kind_that_no_option_can_spell():
    assert not supported(dict)
    assert not supported(int | str)
    assert supported(tuple[int, ...] | None)
    with pytest.raises(TypeError):
        convert("x", dict)


float32s = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


@given(
    st.one_of(
        st.integers(-(2**63) + 1, 2**63 - 1).map(lambda value: (value, int)),
        float32s.map(lambda value: (value, float)),
        st.booleans().map(lambda value: (value, bool)),
        st.lists(st.integers(-99, 99)).map(lambda value: (tuple(value), tuple[int, ...])),
        st.lists(float32s, min_size=1).map(lambda value: (tuple(value), tuple[float, ...])),
        st.one_of(st.none(), st.integers(0, 9)).map(lambda value: (value, int | None)),
    )
)
def test_what_is_spelled_reads_back(pair):
    value, kind = pair
    assert convert(spell(value), kind) == value


@given(st.text(max_size=12))
def test_no_text_is_worse_than_a_refusal(text):
    for kind in (int, float, bool, Literal["a"], tuple[int, ...], int | None):
        try:
            value = convert(text, kind)
        except Refusal as refusal:
            assert str(refusal)
        else:
            assert not isinstance(value, float) or math.isfinite(value)


def test_descriptions():
    assert describe(int | None) == "INT"
    assert describe(Literal["a", "b"]) == "a|b"
    assert describe(tuple[int, ...]) == "INT,..."
    assert describe(tuple[int, float]) == "INT,FLOAT"


def test_nearest_words():
    assert nearest("learing-rate", ["learning-rate", "batch-size"]) == ["learning-rate"]
    assert nearest("qqq", ["learning-rate", "batch-size"]) == []

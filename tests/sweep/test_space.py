"""What a field may be: read by its type, spelled so that it reads back, and laid out evenly."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from research.options.convert import Refusal, convert, spell
from research.options.options import options_of
from research.sweep.space import (
    Choices,
    Interval,
    is_axis,
    point_options,
    read_domain,
    read_space,
    spell_space,
)

finite = st.floats(1e-30, 1e30).map(lambda v: float(f"{v:.9g}"))
KINDS = {
    int: st.integers(-(10**9), 10**9),
    float: finite,
    bool: st.booleans(),
    tuple[int, ...]: st.lists(st.integers(-99, 99), min_size=1, max_size=3).map(tuple),
    Literal["adam", "sgd", "lion"]: st.sampled_from(["adam", "sgd", "lion"]),
    int | None: st.none() | st.integers(0, 99),
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
def test_a_list_of_values_reads_back_as_it_was_spelled(kind, data) -> None:
    values = data.draw(st.lists(KINDS[kind], min_size=1, max_size=4, unique=True))
    domain = Choices(tuple(values))
    assert read_domain(domain.spell(), kind, grid=True) == domain
    assert read_domain(domain.spell(), kind, grid=False) == domain


@given(finite, finite, st.booleans())
def test_a_range_reads_back_as_it_was_spelled(low, high, log) -> None:
    assume(low < high)
    domain = Interval(low, high, log, whole=False)
    assert read_domain(domain.spell(), float, grid=False) == domain


@given(finite, finite, st.booleans(), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_a_place_lies_inside_and_later_is_larger(low, high, log, share, part) -> None:
    assume(low < high)
    domain = Interval(low, high, log, whole=False)
    value = domain.place(share)
    assert low <= value <= high
    assert domain.place(share * part) <= value
    assert len(spell(value)) < 20 and convert(spell(value), float) == value


def test_whole_numbers_have_equal_stretches_with_both_ends() -> None:
    domain = Interval(3, 7, log=False, whole=True)
    found = Counter(domain.place(i / 1000) for i in range(1000))
    assert found == {value: 200 for value in range(3, 8)}
    log = Interval(1, 64, log=True, whole=True)
    drawn = [log.place(i / 10_000) for i in range(10_000)]
    assert min(drawn) == 1 and max(drawn) == 64 and all(isinstance(v, int) for v in drawn)
    # By factors: 1 to 7 has about as much room as 8 to 64.
    assert 0.45 < sum(v < 8 for v in drawn) / 10_000 < 0.55


@given(finite, finite, st.integers(2, 30), st.booleans())
def test_a_range_in_a_grid_has_so_many_even_values(low, high, count, log) -> None:
    assume(high / low > 1.5)
    text = f"{'log:' if log else ''}{low}:{high}:{count}"
    values = read_domain(text, float, grid=True).values
    assert len(values) == count and values[0] == low and values[-1] == high
    places = [math.log(v) for v in values] if log else values
    gaps = [b - a for a, b in itertools.pairwise(places)]
    assert gaps == pytest.approx([(places[-1] - places[0]) / (count - 1)] * (count - 1), rel=1e-2)


@pytest.mark.parametrize(
    ("text", "kind", "grid", "words"),
    [
        ("0.1:0.2", float, True, "HOW_MANY"),
        ("0.1:0.2:3", float, False, "a range is [log:]LOW:HIGH;"),
        ("3:1", int, False, "must be below"),
        ("log:0:1", float, False, "starts above 0"),
        ("0:1:1", float, True, "2 to 10,000"),
        ("", float, True, "values are wanted"),
        ("1,,2", int, True, "an empty value"),
        ("1,1e0", float, True, "given twice"),
        ("0.5,x", float, True, "x: a number is wanted"),
        ("1/x", tuple[int, ...], True, "parted by /"),
        ("nan", float, True, "finite"),
        ("a:b", float, False, "a number is wanted"),
        ("adm", Literal["adam", "sgd"], True, "did you mean adam?"),
    ],
)
def test_what_fits_no_field_is_refused_in_words(text, kind, grid, words) -> None:
    with pytest.raises(Refusal) as refused:
        read_domain(text, kind, grid=grid)
    assert words in str(refused.value)


@dataclass(frozen=True)
class Config:
    learning_rate: Annotated[float, "step"] = 1e-3
    width: Annotated[int, "units"] = 8
    title: Annotated[str, "text"] = ""


def test_all_mistakes_come_at_once_and_dashes_are_as_good_as_underscores() -> None:
    options = options_of(Config)
    words = ["learning_rate=1,2", "learning-rate=3", "widht=3", "width=x"]
    space, mistakes = read_space(words, options, grid=True)
    assert space == {"learning_rate": Choices((1.0, 2.0))}
    assert len(mistakes) == 3
    assert "given twice" in mistakes[0] and "did you mean width?" in mistakes[1]
    space, mistakes = read_space(["title=a:b,c"], options, grid=True)
    assert not mistakes and space["title"] == Choices(("a:b", "c"))


def test_the_order_typed_does_not_count() -> None:
    options = options_of(Config)
    one, _ = read_space(["width=1,2", "learning-rate=1"], options, grid=True)
    two, _ = read_space(["learning-rate=1", "width=1,2"], options, grid=True)
    assert list(spell_space(one).items()) == list(spell_space(two).items())
    # Negative control: another order of values is another grid.
    three, _ = read_space(["learning-rate=1", "width=2,1"], options, grid=True)
    assert spell_space(three) != spell_space(one)


def test_options_of_a_point_survive_a_value_that_looks_like_an_option() -> None:
    assert point_options({"learning_rate": 0.5, "title": "--json"}) == (
        "--learning-rate=0.5",
        "--title=--json",
    )
    assert is_axis("learning-rate=3") and not is_axis("--width=3") and not is_axis("digits_cnn")

"""Grids and random searches are pure: every point once, and the same ones whenever one asks."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.sweep.space import (
    Choices,
    Interval,
    draw,
    draw_fresh,
    grid_points,
    grid_size,
    key_of,
    random_points,
    share,
)

choices = st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True).map(
    lambda values: Choices(tuple(values))
)
spaces = st.dictionaries(st.sampled_from("abcd"), choices, min_size=1, max_size=4)
WIDE = {"rate": Interval(1e-4, 1e-1, log=True, whole=False), "width": Choices((8, 16, 32))}


def allow(point):
    return []


@given(spaces)
def test_a_grid_has_every_combination_once(space) -> None:
    found = [tuple(point[field] for field in space) for point in grid_points(space)]
    assert len(found) == len(set(found)) == grid_size(space) == math.prod(
        len(domain.values) for domain in space.values()
    )  # fmt: skip
    assert set(found) == set(itertools.product(*(domain.values for domain in space.values())))


@given(st.integers(0, 9), st.integers(1, 30), st.integers(0, 30))
def test_a_longer_search_begins_with_the_shorter(seed, count, further) -> None:
    short = random_points(WIDE, seed, count, allow).points
    assert random_points(WIDE, seed, count + further, allow).points[:count] == short
    assert len({key_of(point) for point in short}) == count
    assert random_points(WIDE, seed + 1, count, allow).points != short


def test_a_field_more_does_not_change_the_values_of_the_others() -> None:
    more = {**WIDE, "decay": Interval(0.0, 1.0, log=False, whole=False)}
    for trial in range(20):
        wide = draw(more, 0, trial, 0)
        assert draw(WIDE, 0, trial, 0) == {field: wide[field] for field in WIDE}


@settings(max_examples=30)
@given(spaces, st.integers(0, 5), st.integers(2, 5))
def test_refused_points_are_never_tried_and_a_small_space_is_used_up(space, seed, divisor) -> None:
    def refuse(point):
        return [f"{point}"] if sum(point.values()) % divisor == 0 else []

    allowed = [point for point in grid_points(space) if not refuse(point)]
    drawn = random_points(space, seed, 300, refuse)
    assert all(point in allowed for point in drawn.points)
    assert len(drawn.points) <= len(allowed) and drawn.refused
    # A thousand draws find all of a few points, but for a chance that is nil.
    assert {key_of(p) for p in drawn.points} == {key_of(p) for p in allowed}


def test_what_refuses_everything_is_told() -> None:
    assert draw_fresh(WIDE, 0, 0, set(), lambda point: ["--width must be odd"]) == (
        "--width must be odd"
    )


def test_shares_are_uniform_and_pinned() -> None:
    shares = sorted(share(0, trial, 0, "rate") for trial in range(4000))
    # Kolmogorov-Smirnov: beyond .0257 only once in a hundred times.
    assert max(abs(value - index / 4000) for index, value in enumerate(shares)) < 0.0257
    # What was drawn yesterday is drawn tomorrow, whatever is installed.
    assert share(0, 1, 2, "rate") == pytest.approx(0.126560841759719, abs=1e-12)


def test_values_of_different_types_are_different_points() -> None:
    assert key_of({"a": 1}) != key_of({"a": True}) != key_of({"a": 1.0})

"""A guided search is a pure function of its history; giving up is the median rule."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from research.sweep import study
from research.sweep.space import Choices, Interval, key_of
from research.sweep.study import require_optuna

SPACE = {
    "rate": Interval(1e-4, 1e-1, log=True, whole=False),
    "width": Interval(8, 64, log=True, whole=True),
    "widths": Choices(((32, 64), (64, 64))),
    "flag": Choices((True, False)),
}


@pytest.fixture(autouse=True)
def quiet():
    require_optuna()


def allow(point):
    return []


def value_of(point):
    return abs(math.log10(point["rate"]) + 2.5) + abs(point["width"] - 20) / 50 + point["flag"]


def ended(point, value, reports=None):
    return create_trial(
        state=TrialState.COMPLETE,
        value=value,
        params=study.to_params(SPACE, point),
        distributions=study.distributions(SPACE),
        intermediate_values=reports or {},
    )


def search(seed, count, refuse=allow):
    history, points = [], []
    for _ in range(count):
        point = study.next_point(SPACE, history, seed=seed, maximize=False, refuse=refuse)
        points.append(point)
        history.append(ended(point, value_of(point)))
    return points


def test_the_same_seed_and_history_give_the_same_points_and_the_later_ones_are_better() -> None:
    points = search(0, 24)
    assert points == search(0, 24)
    assert points[0] != search(1, 1)[0]
    assert len({key_of(point) for point in points}) == 24
    first = np.mean([value_of(p) for p in points[:10]])
    assert np.mean([value_of(p) for p in points[14:]]) < first
    # Negative control: with other figures in its history it goes another way.
    history = [ended(point, -value_of(point)) for point in points[:12]]
    other = study.next_point(SPACE, history, seed=0, maximize=False, refuse=allow)
    assert other != points[12]


def test_refused_points_are_not_suggested_and_a_small_space_comes_to_an_end() -> None:
    def refuse(point):
        return ["--flag must be off"] if point["flag"] else []

    assert not any(point["flag"] for point in search(0, 12, refuse))
    history = []
    small = {"flag": SPACE["flag"]}
    for _ in range(2):
        point = study.next_point(small, history, seed=0, maximize=True, refuse=allow)
        history.append(
            create_trial(value=1.0, params=study.to_params(small, point),
                         distributions=study.distributions(small))
        )  # fmt: skip
    end = study.next_point(small, history, seed=0, maximize=True, refuse=allow)
    assert end == "every point of the space has been tried"


@given(st.data())
def test_a_point_comes_back_from_optunas_terms(data) -> None:
    point = {
        "rate": SPACE["rate"].place(data.draw(st.floats(0, 0.999))),
        "width": data.draw(st.integers(8, 64)),
        "widths": data.draw(st.sampled_from(SPACE["widths"].values)),
        "flag": data.draw(st.booleans()),
    }
    assert study.to_point(SPACE, study.to_params(SPACE, point)) == point


curves = st.lists(st.lists(st.floats(-10, 10), min_size=4, max_size=4), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(curves, st.lists(st.floats(-10, 10), min_size=1, max_size=4), st.booleans(),
       st.integers(0, 2))  # fmt: skip
def test_giving_up_is_the_median_rule(others, own, maximize, seed_index) -> None:
    """Against its definition: the best figure of this seed so far, and the others' median."""
    places = [seed_index * 1000 + p for p in (5, 30, 60, 90)]
    history = [
        create_trial(state=TrialState.COMPLETE, value=0.0, params={}, distributions={},
                     intermediate_values=dict(zip(places, curve, strict=True)))
        for curve in others
    ]  # fmt: skip
    reports = dict(zip(places, own, strict=False))
    before = {seed * 1000 + 50: 99.0 if maximize else -99.0 for seed in range(seed_index)}
    sign = 1 if maximize else -1
    at = len(own) - 1
    median = float(np.median([curve[at] for curve in others]))
    expected = (
        len(others) >= study.STARTUP_TRIALS
        and places[at] % 1000 >= study.WARMUP_PERCENT
        and sign * max(own, key=lambda v: sign * v) < sign * median
    )
    assert study.gives_up(history, before | reports, maximize=maximize) == expected


def test_nothing_is_given_up_at_its_very_end_or_before_it_has_figures() -> None:
    history = [
        create_trial(state=TrialState.COMPLETE, value=0.0, params={}, distributions={},
                     intermediate_values={50: 1.0, 100: 1.0}) for _ in range(6)
    ]  # fmt: skip
    assert study.gives_up(history, {50: 0.0}, maximize=True)
    assert not study.gives_up(history, {100: 0.0}, maximize=True)
    assert not study.gives_up(history, {}, maximize=True)


def test_places_are_shares_of_the_way() -> None:
    assert [study.place_of(step, 40, 0) for step in (0, 10, 40)] == [0, 25, 100]
    assert study.place_of(500, 1000, 2) == 2050
    assert study.place_of(0, 0, 0) == 0


def test_optuna_stays_silent() -> None:
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR

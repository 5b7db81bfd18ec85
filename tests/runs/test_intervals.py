"""Intervals against the formula and SciPy: along curves, and cut at what a figure can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from research.engine import ledger
from research.engine.result import spread
from research.rl.environments.registered import FINITE, GYMNAX
from research.runs.intervals import RETURNS, UNBOUNDED, band, bounds_of, course_name, ends_of
from research.runs.reading import read_reports
from research.runs.run import Curve, Member
from research.runs.summary import curves_of


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("test/accuracy", "", (0.0, 1.0)),
        ("validation/token_accuracy", "", (0.0, 1.0)),
        ("test/mse", "", (0.0, math.inf)),
        ("train/loss", "", UNBOUNDED),
        ("evaluation/episode_return", "CartPole-v1", (0.0, 500.0)),
        ("evaluation/stochastic_episode_return", "CartPole-v1:limit=100", (0.0, 500.0)),
        ("evaluation/episode_return", "Pendulum-v1", (-math.inf, 0.0)),
        ("evaluation/episode_return", "Swimmer-misc", UNBOUNDED),
        ("train/reward", "CartPole-v1", UNBOUNDED),
    ],
)
def test_what_a_figure_can_be(name, environment, expected):
    assert bounds_of(name, {"environment": environment}) == expected


def test_the_environments_are_those_that_there_are():
    assert RETURNS.keys() <= GYMNAX.keys() | FINITE.keys()
    for name in ("Acrobot-v1", "CartPole-v1", "MountainCar-v0"):
        # One a step, at the most.
        assert max(map(abs, RETURNS[name])) == GYMNAX[name].longest_episode


def test_ends_are_cut_and_only_where_a_bound_is_reached():
    assert ends_of(0.99, 0.04, (0.0, 1.0)) == (0.95, 1.0, True)
    assert ends_of(0.5, 0.25, (0.0, 1.0)) == (0.25, 0.75, False)
    low, high, cut = ends_of(np.array([0.1, np.nan]), np.array([0.2, np.nan]), (0.0, 1.0))
    assert low[0] == 0.0 and math.isnan(low[1]) and math.isnan(high[1]) and cut


numbers = st.floats(-1e3, 1e3)


@given(st.data())
def test_a_band_is_the_interval_at_each_step(data):
    count, steps = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 6))
    table = np.array(
        data.draw(
            st.lists(
                st.lists(numbers | st.just(math.nan), min_size=steps, max_size=steps),
                min_size=count, max_size=count,
            )
        )
    )  # fmt: skip
    found = band([Curve(np.arange(steps), row) for row in table])
    for step in range(steps):
        expected = spread(table[:, step].tolist())
        half = math.nan if expected.half is None else expected.half
        assert found.mean[step] == pytest.approx(expected.mean, nan_ok=True, abs=1e-9)
        assert found.half[step] == pytest.approx(half, nan_ok=True, abs=1e-9)


def test_a_band_does_not_jump_between_runs_that_report_at_different_steps():
    often = Curve(np.array([1, 2, 3, 4]), np.full(4, 0.0))
    seldom = Curve(np.array([2, 4, 6]), np.full(3, 10.0))
    found = band([often, seldom])
    assert found.steps.tolist() == [2, 4, 6]
    # Past the end of the shorter one the other goes on alone, without an interval.
    assert found.mean.tolist() == [5.0, 5.0, 10.0]
    assert np.isfinite(found.half).tolist() == [True, True, False]


def curve(values):
    return Curve(np.array([*values]), np.array([*values.values()]))


def test_a_band_is_students_interval_at_steps_that_all_report():
    found = band([curve({1: 1.0, 2: 5.0, 3: 2.0, 4: 0.0}), curve({1: 3.0, 3: 2.0, 4: 0.0}),
                  curve({1: 5.0, 3: 2.0, 4: 0.0})])  # fmt: skip
    low, high = stats.t.interval(0.95, 2, 3.0, stats.sem([1.0, 3.0, 5.0]))
    assert found.steps.tolist() == [1, 3, 4]
    assert (found.mean[0], found.half[0]) == pytest.approx((3.0, (high - low) / 2))
    assert (found.mean[1], found.half[1]) == (2.0, 0.0)
    alone = band([curve({1: 2.0})])
    assert alone.mean.tolist() == [2.0] and np.isnan(alone.half).all()


def test_a_band_of_returns_ends_where_returns_do():
    found = band([curve({10: 500.0}), curve({10: 480.0}), curve({10: 490.0})])
    low, high, cut = ends_of(found.mean, found.half, (0.0, 500.0))
    assert found.mean[0] + found.half[0] > 500 and (found.mean[0], high[0], cut) == (490, 500, True)
    assert low[0] == found.mean[0] - found.half[0]


def test_courses_of_solo_runs_and_members(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "train/loss": 2.5, "a/b": [1.0, null]}\n{"step": 2, "a/b": [3.0, "nan"]}\n{"st'
    )
    reports, changed = read_reports(ledger.read(tmp_path / "ledger.jsonl"), tmp_path)
    assert not changed
    first, second, third = (curves_of(reports, member) for member in range(3))
    assert first["train/loss"].steps.tolist() == [1] and first["train/loss"].values == [2.5]
    assert first["a/b"].steps.tolist() == [1, 2] and first["a/b"].values.tolist() == [1.0, 3.0]
    assert np.isnan(second["a/b"].values).all() and "a/b" not in third
    assert read_reports(ledger.read(tmp_path / "no.jsonl"), tmp_path / "none") == ({}, False)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["test/accuracy", "validation/accuracy"], "test/accuracy"),
        (["train/accuracy", "validation/accuracy", "train/loss"], "validation/accuracy"),
        (["train/accuracy", "validation/loss"], "train/accuracy"),
        (["train/loss", "validation/loss"], "validation/loss"),
        ([], None),
    ],
)
def test_the_course_nearest_to_a_final_figure(names, expected):
    curves = {name: curve({1: 1.0, 2: 1.0}) for name in names}
    assert course_name("test/accuracy", [Member(0, {}, {}, curves=curves)]) == expected
    once = Member(0, {}, {}, curves={"test/accuracy": curve({1: 1.0})})
    assert course_name("test/accuracy", [once, once]) is None

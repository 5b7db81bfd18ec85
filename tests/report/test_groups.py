"""Means and intervals over seeds, against scipy and numpy; and which runs belong together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from research.report.groups import (
    band,
    group_runs,
    headline,
    interval,
    spell_figure,
    spell_interval,
)
from research.report.page import make_page
from research.report.reading import Curve, read_run

numbers = st.floats(-1e3, 1e3)


@given(st.lists(numbers, min_size=2, max_size=9))
def test_an_interval_is_students(values):
    found = interval(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    low, high = stats.t.interval(
        0.95, len(values) - 1, np.mean(values), max(stats.sem(values), 1e-300)
    )
    assert 2 * found.half == pytest.approx(high - low, rel=1e-6, abs=1e-9)


def test_figures_that_are_not_finite_are_counted_and_not_averaged():
    assert interval([1.0, "nan", None, 3.0])[0] == 2.0
    assert interval([1.0, "nan", None, 3.0])[2:] == (2, 4)
    assert math.isnan(interval([1.0]).half) and math.isnan(interval([None]).mean)


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
        expected = interval([None if math.isnan(v) else v for v in table[:, step].tolist()])
        assert found.mean[step] == pytest.approx(expected.mean, nan_ok=True, abs=1e-9)
        assert found.half[step] == pytest.approx(expected.half, nan_ok=True, abs=1e-9)


def test_a_band_does_not_jump_between_runs_that_report_at_different_steps():
    often = Curve(np.array([1, 2, 3, 4]), np.full(4, 0.0))
    seldom = Curve(np.array([2, 4, 6]), np.full(3, 10.0))
    found = band([often, seldom])
    assert found.steps.tolist() == [2, 4, 6]
    # Past the end of the shorter one the other goes on alone, without an interval.
    assert found.mean.tolist() == [5.0, 5.0, 10.0]
    assert np.isfinite(found.half).tolist() == [True, True, False]


def test_seeds_come_together_and_configs_stay_apart(make, tmp_path):
    runs = [read_run(make(tmp_path, seed=seed)) for seed in (0, 1, 2)]
    other = {"learning_rate": 0.2, "widths": [8, 16], "title": "plain"}
    runs += [read_run(make(tmp_path, config=other, seed=seed)) for seed in (0, 1)]
    found, notes = group_runs(runs)
    assert [[m.seed for m in group.members] for group in found] == [[0, 1, 2], [0, 1]]
    assert [group.label for group in found] == ["learning-rate 0.1", "learning-rate 0.2"]
    assert not notes


def test_other_data_stay_apart_and_other_code_is_told_of(make, tmp_path):
    runs = [
        make(tmp_path, seed=0),
        make(tmp_path, seed=1, made_by={"code": {"a.py": "e" * 64}}),
        make(tmp_path, seed=2, made_by={"data": {"train": "e" * 64}}),
    ]
    found, notes = group_runs([read_run(run) for run in runs])
    assert [[m.seed for m in group.members] for group in found] == [[0, 1], [2]]
    assert [group.label for group in found] == ["train data dddddddd", "train data eeeeeeee"]
    told = "seeds 0 and 1 were made by different code: a.py differs"
    assert notes == [f"train data dddddddd: {told}"]
    found, notes = group_runs([read_run(run) for run in runs[:2]])
    assert notes == [told] and make_page([read_run(run) for run in runs[:2]], {}).notes == [told]


def test_a_seed_counts_once(make, tmp_path):
    first = read_run(make(tmp_path))
    again = read_run(make(tmp_path, name="aside"))
    (group,), notes = group_runs([first, again])
    assert len(group.members) == 1 and len(notes) == 1 and "aside" in notes[0]


def test_a_population_over_values_makes_a_group_of_each(make, tmp_path):
    members = [
        {"seed": s, "hyperparameters": {"learning_rate": r}, "digest": "", "metrics": {}}
        for r in (0.1, 0.2)
        for s in (0, 1)
    ]
    run = read_run(
        make(tmp_path, config={"learning_rate": [0.1, 0.2]}, members=members, reports={},
             population={"seeds": 2, "width": 2})
    )  # fmt: skip
    solo = read_run(make(tmp_path, config={"learning_rate": 0.2}, seed=7))
    found, _ = group_runs([run, solo])
    assert [[m.seed for m in group.members] for group in found] == [[0, 1], [0, 1, 7]]


def test_the_figure_that_matters():
    assert headline(["train/loss", "test/loss", "test/accuracy"]) == "test/accuracy"
    sine = ["test/forgetful_mse", "test/mse", "test/naive_mse", "validation/mse", "train/loss"]
    assert headline(sine) == "test/mse"
    policy = ["evaluation/episodes", "evaluation/episode_return",
              "evaluation/stochastic_episode_return", "train/entropy"]  # fmt: skip
    assert headline(policy) == "evaluation/episode_return"
    assert headline(policy, "train entropy .1, evaluation episode_return 500") == "train/entropy"
    assert headline([]) is None


def test_spelling():
    assert spell_interval(interval([0.995, 0.996, 0.999])) == "0.9967 ± 0.0052"
    assert spell_interval(interval([500.0, 500.0])) == "500 ± 0"
    assert spell_interval(interval([None, 0.25])) == "0.25"
    assert [spell_figure(v) for v in (None, math.nan, "nan", 0.123456, 12345.0, 1e-7)] == [
        "–", "–", "nan", "0.1235", "12,345", "1e-07",
    ]  # fmt: skip

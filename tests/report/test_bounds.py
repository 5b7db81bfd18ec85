"""Intervals that end where a figure does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from research.report.bounds import RETURNS, UNBOUNDED, bounds_of, ends_of
from research.report.comparison_plot import bands
from research.report.curves import make_plots
from research.report.groups import group_runs
from research.report.page import make_page, render
from research.report.reading import read_run
from research.rl.environments.registered import FINITE, GYMNAX


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


def test_a_band_of_returns_ends_where_returns_do():
    curves = [{10: 500.0}, {10: 480.0}, {10: 490.0}]
    assert bands(curves)[10][2] > 500
    mean, low, high = bands(curves, (0.0, 500.0))[10]
    assert (mean, high) == (490.0, 500.0) and low == bands(curves)[10][1]


def pages(make, tmp_path, accuracies, **more):
    reports = [{10: {"validation/accuracy": a}, 20: {"validation/accuracy": a}} for a in accuracies]
    return [
        read_run(make(tmp_path, seed=seed, reports=told, **more))
        for seed, told in enumerate(reports)
    ]


def test_a_page_says_that_bands_are_cut(make, tmp_path):
    runs = pages(make, tmp_path, [0.99, 1.0, 0.9])
    (plot,) = [p for p in make_plots(group_runs(runs)[0]) if p.title == "accuracy"]
    assert plot.banded and plot.cut
    assert "cut at what a figure can be" in render(make_page(runs, {}))
    narrow = pages(make, tmp_path / "narrow", [0.50, 0.51, 0.52])
    assert not any(plot.cut for plot in make_plots(group_runs(narrow)[0]))
    assert "cut at what a figure can be" not in render(make_page(narrow, {}))


def test_curves_go_by_environment_steps_where_all_runs_count_them(make, tmp_path):
    acting = {"items": "environment steps", "items_per_step": 512}
    runs = pages(make, tmp_path / "a", [0.5, 0.6], made_by=acting)
    other = {"learning_rate": 0.2}
    runs += pages(make, tmp_path / "b", [0.5], config=other,
                  made_by={**acting, "items_per_step": 64})  # fmt: skip
    plots = {plot.title: plot for plot in make_plots(group_runs(runs)[0])}
    told = plots["accuracy"].description
    assert "by environment steps" in told
    assert "after 10,240 environment steps" in told and "after 1,280 environment steps" in told
    assert "environment steps" in plots["accuracy"].svg
    # The control: where one of them does not say, updates are what all have.
    runs += pages(make, tmp_path / "c", [0.5], config={"learning_rate": 0.3})
    plots = {plot.title: plot for plot in make_plots(group_runs(runs)[0])}
    assert "at step 20" in plots["accuracy"].description
    assert "environment steps" not in plots["accuracy"].svg

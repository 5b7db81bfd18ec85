"""Plots of groups: whose steps they go by, and the share of runs above each return."""

from __future__ import annotations

import numpy as np
import pytest

from research.report.group_plots import make_plots, make_profile, returns_of, steps_of
from research.report.page import make_page, render
from research.runs.grouping import group_runs
from research.runs.reading import read_run
from research.runs.robust import interquartile_mean


def pages(make, tmp_path, accuracies, **more):
    reports = [{10: {"validation/accuracy": a}, 20: {"validation/accuracy": a}} for a in accuracies]
    return [
        read_run(make(tmp_path, seed=seed, reports=lines, **more))
        for seed, lines in enumerate(reports)
    ]


def test_a_page_says_that_bands_are_cut(make, tmp_path):
    runs = pages(make, tmp_path, [0.99, 1.0, 0.9])
    (plot,) = [p for p in make_plots(group_runs(runs)) if p.title == "accuracy"]
    assert plot.banded and plot.cut
    assert "cut at what a figure can be" in render(make_page(runs, {}))
    narrow = pages(make, tmp_path / "narrow", [0.50, 0.51, 0.52])
    assert not any(plot.cut for plot in make_plots(group_runs(narrow)))
    assert "cut at what a figure can be" not in render(make_page(narrow, {}))


def test_curves_go_by_environment_steps_where_all_runs_count_them(make, tmp_path):
    acting = {"items": "environment steps", "items_per_step": 512}
    runs = pages(make, tmp_path / "a", [0.5, 0.6], made_by=acting)
    other = {"learning_rate": 0.2}
    runs += pages(make, tmp_path / "b", [0.5], config=other,
                  made_by={**acting, "items_per_step": 64})  # fmt: skip
    plots = {plot.title: plot for plot in make_plots(group_runs(runs))}
    words = plots["accuracy"].description
    assert "by environment steps" in words
    assert "after 10,240 environment steps" in words and "after 1,280 environment steps" in words
    assert "environment steps" in plots["accuracy"].svg
    # The control: where one of them does not say, updates are what all have.
    runs += pages(make, tmp_path / "c", [0.5], config={"learning_rate": 0.3})
    plots = {plot.title: plot for plot in make_plots(group_runs(runs))}
    assert "at step 20" in plots["accuracy"].description
    assert "environment steps" not in plots["accuracy"].svg


RETURN = "evaluation/episode_return"


def runs_of(make, place, values, **others):
    return [
        read_run(make(place, seed=seed, metrics={RETURN: value}, **others))
        for seed, value in enumerate(values)
    ]


def test_a_profile_falls_where_the_runs_are():
    x, y = steps_of([1.0, 3.0, 3.0, 4.0], 0.0, 5.0)
    assert x.tolist() == [0, 1, 1, 3, 3, 4, 4, 5]
    assert y.tolist() == [1, 1, 0.75, 0.75, 0.25, 0.25, 0, 0]
    # The area under it, from 0, is the mean.
    assert np.trapezoid(y, x) == pytest.approx(np.mean([1, 3, 3, 4]))


def test_a_page_of_several_seeds_tells_their_spread(make, tmp_path):
    values = [500.0, 480.0, 500.0, 100.0, 500.0]
    runs = runs_of(make, tmp_path, values)
    page = make_page(runs, {})
    middle = interquartile_mean(values)
    (sentence,) = page.profile.words
    assert sentence.startswith("5 seeds from 100 to 500, interquartile mean 493.3 (95 %")
    assert f"{middle.low:.4g} to {middle.high:.4g}" in sentence
    assert f"standard deviation {np.std(values, ddof=1):.4g}." in sentence
    text = render(page)
    assert "Spread over seeds" in text and sentence in text and "return τ" in text


def test_groups_have_a_line_each_and_one_seed_has_none(make, tmp_path):
    slow, fast, single = ({"learning_rate": rate} for rate in (0.1, 0.2, 0.3))
    runs = runs_of(make, tmp_path, [1.0, 2.0], config=slow)
    runs += runs_of(make, tmp_path, [7.0, 7.0, "nan"], config=fast)
    runs += runs_of(make, tmp_path, [3.0], config=single)
    groups = group_runs(runs)
    assert [returns_of(group) for group in groups] == [[1.0, 2.0], [7.0, 7.0], [3.0]]
    profile = make_profile(groups)
    assert [line.name for line in profile.plot.legend] == ["learning-rate 0.1", "learning-rate 0.2"]
    assert "learning-rate 0.2: 2 seeds from 7 to 7, standard deviation 0." in profile.words
    assert "interquartile" not in " ".join(profile.words), "two seeds have no middle half"


def test_where_nothing_acts_or_one_seed_does_there_is_none(make, tmp_path):
    plain = [read_run(make(tmp_path / "plain", seed=seed)) for seed in (0, 1, 2)]
    assert make_page(plain, {}).profile is None
    assert "Spread over seeds" not in render(make_page(plain, {}))
    assert make_page(runs_of(make, tmp_path / "one", [5.0]), {}).profile is None

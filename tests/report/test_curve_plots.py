"""Curves on a page: cut at what a figure can be, and by environment steps where all count these."""

from __future__ import annotations

from research.report.curve_plots import make_plots
from research.report.page import make_page, render
from research.runs.grouping import group_runs
from research.runs.reading import read_run


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

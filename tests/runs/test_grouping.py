"""Which runs belong together, and what is to be known of a group."""

from __future__ import annotations

import pytest

from research.report.page import make_page
from research.runs.grouping import choose_figure, environment_steps, group_runs, notes_on
from research.runs.reading import read_run


def test_seeds_come_together_and_configs_stay_apart(make, tmp_path):
    runs = [read_run(make(tmp_path, seed=seed)) for seed in (0, 1, 2)]
    other = {"learning_rate": 0.2, "widths": [8, 16], "title": "plain"}
    runs += [read_run(make(tmp_path, config=other, seed=seed)) for seed in (0, 1)]
    found = group_runs(runs)
    assert [group.seeds for group in found] == [(0, 1, 2), (0, 1)]
    assert [group.label for group in found] == ["learning-rate 0.1", "learning-rate 0.2"]
    assert [group.letter for group in found] == ["A", "B"]
    assert not notes_on(found, ["A", "B"])


def test_other_data_stay_apart_and_other_code_is_noted(make, tmp_path):
    runs = [
        make(tmp_path, seed=0),
        make(tmp_path, seed=1, made_by={"code": {"a.py": "e" * 64}}),
        make(tmp_path, seed=2, made_by={"data": {"train": "e" * 64}}),
    ]
    found = group_runs([read_run(run) for run in runs])
    assert [group.seeds for group in found] == [(0, 1), (2,)]
    labels = [group.label for group in found]
    assert labels == ["train data dddddddd", "train data eeeeeeee"]
    words = "seeds 0 and 1 were made by different code: a.py differs"
    assert notes_on(found, labels) == [f"train data dddddddd: {words}"]
    assert notes_on(group_runs([read_run(run) for run in runs[:2]]), [""]) == [words]
    assert make_page([read_run(run) for run in runs[:2]], {}).notes == [words]
    every = make_page([read_run(run) for run in runs], {}).notes
    assert every == [f"train data dddddddd: {words}"]


def test_a_seed_counts_once(make, tmp_path):
    first = read_run(make(tmp_path))
    again = read_run(make(tmp_path, name="aside"))
    (group,) = group_runs([first, again])
    (note,) = notes_on([group], [""])
    assert len(group.members) == 1 and "seed 0 stands in several runs and counts once" in note
    assert "aside" in note and make_page([first, again], {}).notes == [note]


def test_a_population_over_values_makes_a_group_of_each(make, tmp_path):
    members = [
        {"seed": s, "hyperparameters": {"learning_rate": r}, "digest": "", "metrics": {}}
        for r in (0.1, 0.2)
        for s in (0, 1)
    ]
    run = read_run(
        make(tmp_path, config={"learning_rate": [0.1, 0.2]}, members=members, reports={},
             population=(2, 2))
    )  # fmt: skip
    solo = read_run(make(tmp_path, config={"learning_rate": 0.2}, seed=7))
    found = group_runs([run, solo])
    assert [group.seeds for group in found] == [(0, 1), (0, 1, 7)]
    assert [one.directory for one in found[1].runs] == [run.directory, solo.directory]


def test_the_figure_that_matters_is_the_named_one_where_all_name_it(make, tmp_path):
    figures = {"test/accuracy": 0.5, "test/whole": 0.25}
    named = {"headline": "test/whole"}
    runs = [read_run(make(tmp_path, seed=seed, metrics=figures, made_by=named)) for seed in (0, 1)]
    assert choose_figure(group_runs(runs)) == "test/whole"
    assert make_page(runs, {}).metric == "test whole"
    # One made before experiments named a figure.
    runs.append(read_run(make(tmp_path, seed=2, metrics=figures)))
    assert choose_figure(group_runs(runs)) == "test/accuracy"
    lacking = make(tmp_path, seed=3, metrics={"test/loss": 1.0}, made_by=named)
    assert choose_figure(group_runs([read_run(lacking)])) == "test/loss"


def test_figures_that_all_groups_have_go_first(make, tmp_path):
    both = [
        make(tmp_path, metrics={"test/accuracy": 0.5, "test/loss": 1.0}),
        make(tmp_path, config={"learning_rate": 0.3}, metrics={"test/loss": 1.0}),
    ]
    assert choose_figure(group_runs([read_run(run) for run in both])) == "test/loss"
    nothing = make(tmp_path, seed=9, reports={}, complete=False)
    assert choose_figure(group_runs([read_run(nothing)])) is None


@pytest.mark.parametrize(("items", "expected"), [("environment steps", [8]), ("examples", None)])
def test_environment_steps_are_what_runs_count(make, tmp_path, items, expected):
    run = read_run(make(tmp_path, made_by={"items": items, "items_per_step": 8}))
    assert environment_steps(group_runs([run])) == expected

"""Runs are read as the ledger has them; what is missing or damaged is told, and is no error."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from research.engine.artifacts import Confusion, Histogram, write
from research.errors import Damaged, Mistake
from research.options.catalog import ROOT
from research.runs.reading import read_run
from research.runs.summary import summarize


def test_a_recorded_run_is_read_as_its_files_have_it():
    (directory,) = (ROOT / "records/vision/digits_cnn").glob("*-s0")
    run = read_run(directory)
    result = json.loads((directory / "result.json").read_text())
    (member,) = run.members
    assert run.notes == () and run.complete and run.seeds == (0, 1) and run.width is None
    assert (member.metrics, member.digest) == (result["metrics"], result["digest"])
    assert (run.step, run.experiment, run.config_digest) == (
        result["step"], "vision/digits_cnn", result["config_digest"]
    )  # fmt: skip
    lines = [json.loads(line) for line in (directory / "ledger.jsonl").read_text().splitlines()]
    (names,) = (line["names"] for line in lines if line["kind"] == "figures")
    rows = [row for line in lines if line["kind"] == "save" for row in line["figures"]]
    for name in ("train/loss", "validation/accuracy"):
        curve, at = member.curves[name], 1 + names.index(name)
        there = [row for row in rows if at < len(row) and row[at] != ""]
        assert curve.steps.tolist() == [row[0] for row in there]
        assert curve.values.tolist() == [row[at] for row in there]
    kinds = [line["kind"] for line in lines]
    assert run.chain.saves == kinds.count("save") and run.chain.segments == 1
    assert not run.chain.broken


def test_a_table_and_a_page_read_the_same_of_every_record():
    """The ends of the files are enough for all but curves, the chain and what there is to show."""
    places = [path.parent for path in sorted((ROOT / "records").glob("*/*/*/ledger.jsonl"))]
    assert len(places) > 100
    for place in places:
        whole, ends = read_run(place), summarize(place)
        assert whole.chain is not None and not whole.chain.broken
        members = tuple(member._replace(curves={}) for member in whole.members)
        only = {"made_by": ends.made_by, "chain": None, "artifacts": {}, "notes": ()}
        # As texts, in which NaN is NaN.
        assert str(whole._replace(members=members, **only)) == str(ends), place


def test_words_and_empty_intervals_leave_gaps(make, tmp_path):
    nothing = {10: {"train/loss": None}, 20: {"train/loss": math.nan}, 30: {"train/loss": 2.0}}
    (member,) = read_run(make(tmp_path, reports=nothing)).members
    np.testing.assert_array_equal(member.curves["train/loss"].values, [np.nan, np.nan, 2.0])


def population(make, tmp_path, **changes):
    reports = {5: {"train/loss": [1.0, 2.0, 3.0, 4.0]}, 10: {"train/loss": [0.1, 0.2, 0.3, None]}}
    members = [
        {
            "seed": 3 + number % 2,
            "hyperparameters": {"learning_rate": rate},
            "digest": f"{number}" * 64,
            "metrics": {"test/accuracy": number / 10},
        }
        for number, rate in enumerate([0.1, 0.1, 0.2, 0.2])
    ]
    settings = {
        "config": {"learning_rate": [0.1, 0.2]},
        "seed": 3,
        "reports": reports,
        "population": (2, 4),
        "members": members,
        **changes,
    }
    return make(tmp_path, **settings)


def test_a_population_is_its_members(make, tmp_path):
    run = read_run(population(make, tmp_path))
    assert run.seeds == (3, 2) and run.width == 4
    assert [(m.seed, m.config["learning_rate"]) for m in run.members] == [
        (3, 0.1), (4, 0.1), (3, 0.2), (4, 0.2),
    ]  # fmt: skip
    assert [m.metrics["test/accuracy"] for m in run.members] == [0.0, 0.1, 0.2, 0.3]
    assert run.members[1].curves["train/loss"].values.tolist() == [2.0, 0.2]
    assert math.isnan(run.members[3].curves["train/loss"].values[1])


def test_members_whose_values_are_not_known_are_never_taken_for_seeds(make, tmp_path):
    run = read_run(population(make, tmp_path, complete=False))
    # All seeds of a value stand before those of the next, whichever it is.
    assert [member.seed for member in run.members] == [3, 4, 3, 4]
    configs = [json.dumps(member.config) for member in run.members]
    assert configs[0] == configs[1] != configs[2] == configs[3]


def test_what_was_changed_by_hand_is_noted_and_not_believed(make, tmp_path):
    directory = make(tmp_path)
    assert read_run(directory).notes == ()
    file = directory / "metrics.jsonl"
    file.write_text(file.read_text().replace("1.5", "0.5"))
    result = json.loads((directory / "result.json").read_text())
    result["metrics"]["test/accuracy"] = 0.99
    (directory / "result.json").write_text(json.dumps(result))
    run = read_run(directory)
    assert len(run.notes) == 2
    assert run.members[0].metrics["test/accuracy"] == 0.5
    assert run.members[0].curves["validation/loss"].values.tolist() == [1.5]


@pytest.mark.parametrize("lost", ["metrics.jsonl", "result.json", "config.json"])
def test_a_lost_file_makes_no_error(make, tmp_path, lost):
    directory = make(tmp_path)
    (directory / lost).unlink()
    run = read_run(directory)
    assert run.members[0].metrics["test/accuracy"] == 0.5
    assert run.members[0].curves["train/loss"].values.tolist() == [2.0, 1.0]


def test_lines_past_the_last_save_are_shown(make, tmp_path):
    directory = make(tmp_path, complete=False)
    with (directory / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "train/loss": 0.25}\n{"step": 40, "tra')
    run = read_run(directory)
    assert not run.complete and run.step == 30 and run.notes == ()
    assert run.members[0].curves["train/loss"].steps.tolist() == [10, 20, 30]


def test_a_broken_chain_is_told_and_what_is_whole_is_shown(make, tmp_path):
    directory = make(tmp_path)
    path = directory / "ledger.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1].replace("1.5", "9.5") + lines[2])
    run = read_run(directory)
    assert "line 2" in run.chain.broken and run.chain.saves == 0
    assert any("line 2" in note for note in run.notes)
    path.write_text("".join(lines[:2]) + lines[2][:20])  # what a crash leaves
    run = read_run(directory)
    assert not run.chain.broken and run.notes == ()

    path.write_text("nothing\n")
    assert read_run(directory).members[0].config["title"] == "plain", "config.json says it too"
    (directory / "config.json").write_text("nothing")
    with pytest.raises(Damaged):
        read_run(directory)
    path.unlink()
    with pytest.raises(Mistake, match="not a run"):
        read_run(directory)


def test_damaged_artifacts_make_a_poorer_report(make, tmp_path):
    directory = make(tmp_path)
    shown = Histogram("h", np.zeros((1, 2)), ("g",), "v")
    write(directory / "artifacts", {"one": shown, "two": shown})
    (directory / "artifacts" / "one.npz").write_bytes(b"PK")
    run = read_run(directory)
    assert list(run.artifacts) == ["two"] and "one.npz" in run.notes[0]


def test_a_table_has_the_counts_of_the_first_member_or_is_left_out(make, tmp_path):
    first, second = [[3.0, 1.0], [0.0, 2.0]], [[0.0, 4.0], [1.0, 1.0]]
    directory = population(make, tmp_path)
    table = Confusion("Table", "test/confusion", ("a", "b"))
    write(directory / "artifacts", {"table": table, "worded": table._replace(note="own words")})
    run = read_run(directory)
    assert not run.artifacts and run.notes == ("Table: the ledger has no test/confusion",) * 2

    members = [
        {"seed": 3 + at, "digest": "e" * 64, "metrics": {}, "sums": {"test/confusion": counts}}
        for at, counts in enumerate((first, second))
    ]
    directory = population(make, tmp_path / "counted", config={}, members=members)
    write(directory / "artifacts", {"table": table, "worded": table._replace(note="own words")})
    run = read_run(directory)
    found = run.artifacts["table"]
    assert found.counts.dtype == int and found.counts.tolist() == first
    assert found.note == "All 6 examples of the test split; 1 are mistakes."
    assert run.artifacts["worded"].note == "own words" and run.notes == ()

"""Figures over seeds, and the table that two runs of a sweep share."""

from __future__ import annotations

import csv
import io

from research.sweep.results import print_report, report_row, spell_csv
from research.sweep.search import best_of, ranked
from research.sweep.trial import Ending, Job, Trial, outcome_of


def make(tmp_path, number, values, reason=""):
    jobs = tuple(Job(number, s, (), tmp_path / f"a/b/{number}-s{s}") for s in range(len(values)))
    endings = tuple(
        Ending("failed", {}, reason) if value is None else Ending("complete", {"loss": value})
        for value in values
    )
    point = {"rate": 10.0**-number, "widths": (8, number)}
    return outcome_of(Trial(number, point, jobs), endings, "loss")


def test_best_comes_first_and_failed_comes_last(tmp_path) -> None:
    outcomes = [make(tmp_path, 0, [2.0, 3.0]), make(tmp_path, 1, [None, 1.0], "the loss, NaN"),
                make(tmp_path, 2, [1.0, 2.0])]  # fmt: skip
    order = [o.trial.number for o in ranked(outcomes, maximize=False)]
    assert order == [2, 0, 1]
    assert [o.trial.number for o in ranked(outcomes, maximize=True)] == [0, 2, 1]
    assert best_of(outcomes, maximize=False) is outcomes[2]
    assert best_of(outcomes[1:2], maximize=False) is None
    rows = [report_row(outcomes[i], "loss", tmp_path) for i in order]
    read = list(csv.DictReader(io.StringIO(spell_csv(rows, "loss"))))
    assert [row["trial"] for row in read] == ["2", "0", "1"]
    assert read[0]["rate"] == "0.01" and read[0]["widths"] == "8,2" and read[0]["loss"] == "1.5"
    assert read[2]["reason"] == "seed 0: the loss, NaN" and read[2]["loss"] == ""
    assert read[0]["runs"] == "a/b/2-s0 a/b/2-s1"
    shown = io.StringIO()
    print_report({"trials": rows, "metric": "loss", "sweep_dir": "runs/x"},
                ("run", "a/b", "--rate=0.01"), shown)  # fmt: skip
    text = shown.getvalue()
    assert "95 % interval" in text and "the loss, NaN" in text
    assert "python launch.py run a/b --rate=0.01" in text

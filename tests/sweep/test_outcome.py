"""How runs end, and what is remembered of those that failed."""

from __future__ import annotations

import json

import pytest

from research.sweep.trial import (
    FILE,
    Ending,
    Exited,
    Failures,
    Job,
    Trial,
    figure,
    last_words,
    objective,
    outcome_of,
)


@pytest.mark.parametrize(
    ("code", "said", "reason", "final"),
    [
        (1, "the loss of step 3 is not finite.\n  more", "the loss of step 3 is not finite", True),
        (1, "ValueError: no", "ValueError: no", False),
        (2, "bad\nSee: --help", "bad", False),
        (4, "", "exit code 4", False),
        (-9, "", "killed by SIGKILL (out of memory?)", False),
        (-11, "", "killed by SIGSEGV", False),
    ],
)
def test_an_end_that_is_not_the_runs_own_has_a_reason(code, said, reason, final) -> None:
    exited = Exited(code, said)
    assert exited.ending == Ending("failed", {}, reason, final) and not exited.stopped


@pytest.mark.parametrize("code", [75, -15, -2])
def test_stopped_is_not_failed(code) -> None:
    assert Exited(code, "").stopped


def test_the_last_words_are_those_of_the_object_or_of_the_text(tmp_path) -> None:
    out, err = tmp_path / "o", tmp_path / "e"
    assert last_words(out, err) == ""
    err.write_text("Traceback\nMemoryError: much\n")
    assert last_words(out, err) == "MemoryError: much"
    out.write_text('noise\n{"error": "the loss"}\n')
    assert last_words(out, err) == "the loss"


def test_failures_are_remembered_even_where_a_kill_cut_a_line_short(tmp_path) -> None:
    run, other = tmp_path / "a/b/c-s0", tmp_path / "a/b/d-s0"
    failures = Failures(tmp_path)
    failures.add(run, Ending("failed", {}, "NaN"))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"run": "a/b/x-s')
    again = Failures(tmp_path)
    assert again.of(run) == Ending("failed", {}, "NaN") and again.of(other) is None
    again.add(other, Ending("failed", {}, "inf"))
    third = Failures(tmp_path)
    assert third.of(run) and third.of(other)
    assert sum(json.loads(line) is not None for line in
               (tmp_path / FILE).read_text().splitlines() if line.endswith("}")) == 2  # fmt: skip


def test_a_trial_is_complete_only_if_all_of_its_seeds_are(tmp_path) -> None:
    trial = Trial(0, {"w": 1}, tuple(Job(0, s, (), tmp_path / f"s{s}") for s in range(2)))
    good, other = Ending("complete", {"m": 1.0}), Ending("complete", {"m": 2.0})
    assert outcome_of(trial, (good, other), "m")[1:] == ("complete", "", (good, other), 1.5)
    assert outcome_of(trial, (good, None), "m").state == ""
    bad = Ending("failed", {}, "NaN")
    failed = outcome_of(trial, (good, bad), "m")
    assert failed.state == "failed" and failed.reason == "seed 1: NaN" and failed.value is None
    nothing = outcome_of(trial, (good, Ending("complete", {"m": "nan"})), "m")
    assert nothing.state == "failed" and "no finite m" in nothing.reason
    assert (
        objective([good], "m", 2) is None and figure(Ending("complete", {"m": "inf"}), "m") is None
    )

"""`sweep` as a person types it: what it refuses, what it makes, what it makes of trouble."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from research.cli.main import main
from research.errors import Exit
from research.options.catalog import ROOT
from tests.sweep.calls import call, table

pytestmark = pytest.mark.usefixtures("plain_commands")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("smal --grid size=1 --jobs 0", ["did you mean alpha/small?", "--jobs must be"]),
        ("--grid size=1", ["NAME is missing"]),
        ("small", ["one of --grid, --random N and --optimize METRIC", "nothing varies"]),
        ("small --grid size=0,2,-3", ["size 0: --size must be", "size -3: --size must be"]),
        ("small --grid size=1,2 --decay 2", ["every point: --decay must lie"]),
        ("small --grid sise=1 decay=x --frob 2",
         ["did you mean size?", "decay=x: x: a number", "--frob: there is no such option"]),
        ("small --grid size=1 --size 3", ["either varies or is fixed"]),
        ("small --grid --random 3 size=1", ["only one of"]),
        ("small --random 3 decay=1.5:2", ["no point of the space is allowed: --decay must lie"]),
        ("small --random 0 --seeds 0 decay=0:1", ["--random must be", "--seeds must be"]),
        ("small --optimize decay=0.1:0.2 --trials 3", ["METRIC is missing"]),
        ("small --optimize validation/norm decay=0:1", ["--trials N", "--minimize or --maximize"]),
        ("small --optimize validation/nrm --minimize --trials 2 decay=0.1:0.2",
         ["did you mean validation/norm?"]),
        ("small --grid --metric validation/los decay=0.1 sise=2",
         ["no such metric", "did you mean size?"]),
        ("small --grid size=1 --slurm-gpus 1 --slurm-time 1:99",
         ["--slurm-gpus goes with --slurm", "MINUTES or HOURS:MINUTES"]),
        ("small --grid size=1:900:900 steps=1:900:900", ["810,000 points, and 10,000"]),
        ("digits_cnn --grid channels=4 --report validation/loss --evaluate-every 7 --smoke",
         ["reports its best state by validation/loss"]),
        ("small --grid size=1 words", ["words: unexpected word"]),
    ],
)  # fmt: skip
def test_all_mistakes_are_told_and_nothing_is_created(small, capsys, words, said) -> None:
    if "digits_cnn" in words:
        (small / "experiments/vision").symlink_to(ROOT / "experiments/vision")
    code, report, err = call(capsys, "sweep", *words.split())
    assert code == report["exit_code"] == Exit.MISTAKE
    for part in said:
        assert part in err
    assert "Traceback" not in err
    assert not Path("runs").exists()


def test_help_teaches_with_the_fields_of_the_experiment(small, capsys) -> None:
    assert main(["sweep", "small", "--help"]) == 0
    text = capsys.readouterr().out
    for part in ("--optimize", "factor of each step", "log:1e-4:1e-1", "--seeds", "--slurm-time"):
        assert part in text


def test_without_slurm_the_message_names_the_local_way(small, capsys, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    code, report, _ = call(capsys, "sweep", "small", "--grid", "size=2", "--slurm")
    assert code == Exit.MISTAKE and "--slurm-cluster local" in report["error"]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("optuna", ["--optimize", "train/loss", "--trials", "2"]),
        ("submitit", ["--slurm", "--grid"]),
    ],
)
def test_what_is_not_installed_is_named(small, capsys, monkeypatch, module, words) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    code, report, _ = call(capsys, "sweep", "small", "size=2,3", *words)
    assert code == Exit.MISTAKE and f"pip install {module}" in report["error"]
    assert not Path("runs").exists()


def test_trouble_of_one_trial_is_not_that_of_the_others(small, capsys) -> None:
    words = ["sweep", "small", "--grid", "trouble=none,nan,crash", "--decay", "0.5", "--jobs", "3"]
    words += ["--metric", "test/norm", "--minimize", "--smoke"]
    code, report, err = call(capsys, *words)
    assert code == report["exit_code"] == Exit.DIVERGED and report["complete"]
    rows = {row["values"]["trouble"]: row for row in report["trials"]}
    assert report["trials"][0] == rows["none"] and rows["none"]["state"] == "complete"
    assert "step 0 is not finite" in rows["nan"]["reason"]
    assert "SIGKILL" in rows["crash"]["reason"]
    assert "measured on the test set" in err and "tries them again" in err

    # Each trial is the run that one would make by hand.
    code, run, said = call(capsys, *report["best"]["command"][2:])
    assert code == 0 and "already finished" in said
    assert run["run_dir"] == f"runs/{rows['none']['runs'][0]['run_dir']}"
    assert run["metrics"]["test/norm"] == rows["none"]["value"]

    Path("mended").touch()
    before = {p: p.stat().st_mtime_ns for p in Path(report["sweep_dir"], "logs").iterdir()}
    code, again, err = call(capsys, *words)
    assert code == 0 and again["completed"] == 2 and again["failed"] == 1
    after = {p: p.stat().st_mtime_ns for p in Path(report["sweep_dir"], "logs").iterdir()}
    assert {p.stem for p in after if after[p] != before[p]} == {"trial-0002-s0"}
    read = list(csv.DictReader(table(again).splitlines()))
    assert [row["state"] for row in read] == ["complete", "complete", "failed"]
    assert json.loads(Path(report["sweep_dir"], "result.json").read_text())["completed"] == 2


def test_slurms_path_through_submitits_local_executor(small, capsys) -> None:
    words = ["sweep", "small", "--grid", "decay=0.5,0.6", "--seeds", "2"]
    cluster = ["--slurm", "--slurm-cluster", "local", "--jobs", "2"]
    code, report, err = call(capsys, *words, *cluster)
    assert code == 0 and report["completed"] == 2, err
    assert {run["seed"] for run in report["trials"][0]["runs"]} == {0, 1}
    assert report["trials"][0]["low"] < report["trials"][0]["value"]
    assert list(Path(report["sweep_dir"], "slurm").glob("*_result.pkl"))
    # The same sweep without a cluster finds all of it done.
    code, again, _ = call(capsys, *words)
    assert code == 0 and table(again) == table(report)
    assert not list(Path(report["sweep_dir"], "logs").glob("*-s2*"))

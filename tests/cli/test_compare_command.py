"""`compare` from files to words, JSON and picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from research.cli.main import main
from research.errors import Exit
from tests.runs.fabricate import make_population, make_run

ROOT = Path(__file__).resolve().parents[2]
SLOW = {"batch_size": 32, "learning_rate": 0.001, "widths": [32, 64]}
FAST = {**SLOW, "learning_rate": 0.01}
GOOD, BAD = [0.95, 0.96, 0.955, 0.965], [0.90, 0.91, 0.93]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "runs"
    for seed, value in enumerate(GOOD):
        make_run(place, config=SLOW, seed=seed, result={"test/accuracy": value, "train/loss": 0.1})
    make_population(place, BAD, config=FAST, seed=10)
    return place


def compared(capsys, *tokens):
    assert main(["compare", *tokens, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_solo_runs_and_a_population_are_two_groups(runs, capsys):
    found = compared(capsys, "probe")
    assert (found["metric"], found["best"], found["differing"]) == (
        "test/accuracy", "A", ["learning_rate"])  # fmt: skip
    first, second = found["groups"]
    assert first["seeds"] == [0, 1, 2, 3] and len(first["runs"]) == 4
    assert second["seeds"] == [10, 11, 12] and len(second["runs"]) == 1
    assert second["values"] == {"10": 0.90, "11": 0.91, "12": 0.93}
    spread = found["metrics"]["test/accuracy"]["B"]
    low, high = stats.t.interval(0.95, 2, np.mean(BAD), stats.sem(BAD))
    assert (spread["n"], spread["mean"]) == (3, pytest.approx(np.mean(BAD)))
    assert (spread["low"], spread["high"]) == pytest.approx((low, high))
    (pair,) = found["pairs"]
    assert pair["p"] == pytest.approx(stats.ttest_ind(GOOD, BAD, equal_var=False).pvalue)
    assert pair["method"] == "Welch" and pair["shown"]
    assert found["metrics"]["train/loss"]["B"]["n"] == 0
    # Of four seeds the middle two count; of three there is no middle half.
    middle = found["metrics"]["test/accuracy"]["A"]["interquartile"]
    assert middle["mean"] == pytest.approx((0.955 + 0.96) / 2)
    assert middle["coverage"] == 0.87
    assert middle["low"] < middle["mean"] < middle["high"] and "interquartile" not in spread


def test_what_people_see(runs, capsys):
    assert main(["compare", "probe"]) == 0
    text = capsys.readouterr().out
    for part in ("learning-rate", "0.001", "0.01", "0-3", "10-12", "best", "95 % interval",
                 "Do they differ in test accuracy?", "A's test accuracy is higher than B's by",
                 "Welch, 4 and 3", "IQM", "0.9575 (0.95", "in 87 of 100 cases"):  # fmt: skip
        assert part in " ".join(text.split()), part
    assert "batch-size" not in text


def test_a_varied_population_is_grouped_by_its_values(runs, capsys):
    members = [
        {"seed": seed, "hyperparameters": {"learning_rate": rate},
         "metrics": {"test/accuracy": rate + seed / 100}}
        for rate in (0.001, 0.05) for seed in (0, 1, 4)
    ]  # fmt: skip
    varied = {**SLOW, "learning_rate": [0.001, 0.05]}
    make_run(runs, config=varied, population=(3, 3), members=members, result={"test/accuracy": 0.1})
    groups = {tuple(g["seeds"]): g["config"] for g in compared(capsys, "probe")["groups"]}
    # Seeds 0 and 1 of the solo runs' config are there already: only seed 4 is new.
    assert groups[0, 1, 2, 3, 4]["learning_rate"] == 0.001
    assert groups[0, 1, 4]["learning_rate"] == 0.05
    notes = " ".join(compared(capsys, "probe")["notes"])
    assert "seeds 0-1 stand in several runs and count once" in notes


def test_runs_under_way_count_when_asked_for(runs, capsys):
    make_run(runs, config=FAST, seed=30, step=40, figures={"test/accuracy": 0.5})
    make_run(runs, config=FAST, seed=31, step=40, nonfinite=41, figures={"train/loss": 9.0})
    found = compared(capsys, "probe")
    assert found["groups"][1]["seeds"] == [10, 11, 12]
    notes = " ".join(found["notes"])
    assert "left out, stopped" in notes and "left out, diverged" in notes
    assert "the seeds that did not" in notes
    found = compared(capsys, "probe", "--unfinished")
    assert {30, 31} < {seed for g in found["groups"] for seed in g["seeds"]}
    assert "1 of 5 seeds have no test/accuracy" in " ".join(found["notes"])


def test_a_metric_by_its_short_name_and_direction(runs, capsys):
    found = compared(capsys, "probe", "--metric", "loss")
    assert found["metric"] == "train/loss" and found["larger_is_better"] is False
    found = compared(capsys, "probe", "--metric", "accuracy", "--better", "lower")
    assert (found["metric"], found["best"]) == ("test/accuracy", "B")


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ((), "RUN is missing"),
        (("probe", "--metric", "acuracy"), "did you mean accuracy?"),
        (("probe", "--metric", "zz"), "there are test/accuracy, train/loss"),
        (("proble",), "did you mean"),
        (("probe", "-o", "x.gif"), ".png, .svg, .pdf can be written"),
        (("probe", "-o", "x.html"), "launch.py report` makes pages"),
        (("probe", "-o", "none/x.png"), "there is no folder none"),
        (("probe", "--better", "big"), "one of auto, higher, lower"),
    ],
)
def test_mistakes_are_explained(runs, capsys, tokens, said):
    assert main(["compare", *tokens]) == Exit.MISTAKE
    assert said in capsys.readouterr().err


def test_nothing_finished_is_said(runs, capsys):
    run = make_run(runs, experiment="beta/new", step=4, figures={"train/loss": 1.0})
    assert main(["compare", "new"]) == Exit.MISTAKE
    text = capsys.readouterr().err
    assert f"{run.name} (stopped)" in text and "--unfinished" in text


def test_a_run_named_twice_counts_once(runs, capsys):
    one = next(runs.glob("alpha/probe/*-s0"))
    found = compared(capsys, "s0", str(one), one.name)
    assert found["groups"][0]["seeds"] == [0] and found["notes"] == [] and found["pairs"] == []


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_written_and_is_the_same_again(tmp_path, monkeypatch, capsys, ending):
    monkeypatch.chdir(tmp_path)
    one, many = ({s: {"validation/accuracy": value} for s in (10, 20, 30)}
                 for value in (0.5, [0.3] * 3))  # fmt: skip
    for seed, value in enumerate(GOOD):
        make_run(tmp_path / "runs", config=SLOW, seed=seed, reports=one,
                 result={"test/accuracy": value})  # fmt: skip
    make_population(tmp_path / "runs", BAD, config=FAST, seed=10, reports=many)
    first = Path(f"one.{ending}")
    assert main(["compare", "probe", "-o", str(first)]) == 0
    assert f"written: {first}" in capsys.readouterr().out
    assert main(["compare", "probe", "--output", f"two.{ending}"]) == 0
    assert first.read_bytes() == Path(f"two.{ending}").read_bytes()
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert first.read_bytes().startswith(starts[ending])
    if ending == "svg":
        text = first.read_text()
        for part in (
            "validation accuracy",
            "test accuracy",
            "learning-rate 0.001",
            "4 seeds, best",
        ):
            assert part in text, part


def test_compare_needs_no_jax(runs):
    code = (
        "import sys; from research.cli.main import main; main(['compare', 'probe'])\n"
        "assert not {'jax', 'matplotlib', 'tensorboardX'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, check=True,
                   capture_output=True)  # fmt: skip


def test_seeds_of_other_code_are_marked_and_of_other_data_kept_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, other = {"research/a.py": "1" * 64}, {"research/a.py": "2" * 64}
    data, moved = {"train": "a" * 64}, {"train": "b" * 64}
    for seed, made_by in enumerate(
        [{"code": code, "data": data}, {"code": other, "data": data}, {"code": code, "data": moved}]
    ):
        made_by["fingerprint"] = {"cpu": "one"}
        figures = {"test/accuracy": 0.9 + seed / 100}
        make_run(tmp_path / "runs", seed=seed, result=figures, made_by=made_by)
    found = compared(capsys, "probe")
    first, second = found["groups"]
    assert (first["seeds"], second["seeds"]) == ([0, 1], [2])
    assert (first["data"], second["data"]) == ("train data aaaaaaaa", "train data bbbbbbbb")
    notes = " ".join(found["notes"])
    assert "A: seeds 0 and 1 were made by different code: research/a.py differs" in notes
    assert "A, B: the same config on different data, so not one group" in notes
    assert main(["compare", "probe"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "train data aaaaaaaa" in text and "research/a.py differs" in text


def test_seeds_that_are_alike_are_one_group_without_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made_by = {"code": {"a.py": "1"}, "data": {"train": "a"}, "fingerprint": {"cpu": "one"}}
    for seed in (0, 1):
        figures = {"test/accuracy": 0.9}
        make_run(tmp_path / "runs", seed=seed, result=figures, made_by=made_by)
    found = compared(capsys, "probe")
    assert [one["seeds"] for one in found["groups"]] == [[0, 1]] and found["notes"] == []

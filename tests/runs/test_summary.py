"""What is read of a run's files, for every way in which a run can lie there."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.engine import ledger
from research.runs.files import lines_backwards, size_of
from research.runs.run import STATES
from research.runs.summary import figures_of, summarize
from tests.runs.fabricate import make_population, make_run

ROOT = Path(__file__).resolve().parents[2]


def test_fabricated_runs_have_ledgers_that_the_engine_takes(tmp_path):
    for run in (
        make_run(tmp_path, result={"test/loss": 1.0}),
        make_population(tmp_path, [1.0, 2.0]),
    ):
        opened = ledger.read(run / "ledger.jsonl")
        assert not opened.broken and len(opened.lines) == 3 and opened.result() is not None


def test_a_finished_run(tmp_path):
    run = make_run(tmp_path, seed=7, result={"test/accuracy": 0.5, "train/loss": "nan"})
    found = summarize(run)
    assert (found.experiment, found.state, found.step, found.steps) == (
        "alpha/probe", "complete", 100, 100)  # fmt: skip
    assert found.seeds == (7, 1) and found.width is None and not found.varied
    (member,) = found.members
    assert member.seed == 7 and member.metrics["test/accuracy"] == 0.5
    assert math.isnan(member.metrics["train/loss"])
    assert found.config == {"batch_size": 32, "learning_rate": 0.001}


@pytest.mark.parametrize("damage", [None, "{", '{"digest": "0", "metrics": {"test/accuracy": 9}}'])
def test_the_ledger_has_the_last_word_on_a_result(tmp_path, damage):
    run = make_run(tmp_path, result={"test/accuracy": 0.5})
    if damage is None:
        (run / "result.json").unlink()
    else:
        (run / "result.json").write_text(damage)
    found = summarize(run)
    assert found.state == "complete" and found.members[0].metrics == {"test/accuracy": 0.5}


def test_an_unfinished_run_has_the_last_of_each_figure(tmp_path):
    run = make_run(tmp_path, step=40, figures={"train/loss": 1.0})
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 50, "train/loss": 0.5, "validation/loss": 0.7}\n')
        file.write('{"step": 60, "train/loss": 0.25, "train/empty": null}\n{"step": 70, "tr')
    found = summarize(run)
    assert (found.state, found.step, found.steps) == ("stopped", 60, 100)
    assert found.members[0].metrics == {"train/loss": 0.25, "validation/loss": 0.7}


def test_diverged_until_it_goes_past_that_step(tmp_path):
    run = make_run(tmp_path, step=40, nonfinite=41)
    assert summarize(run).state == "diverged"
    (run / "nonfinite" / "41").rename(run / "nonfinite" / "40")
    assert summarize(run).state == "stopped"


def test_a_run_at_work_is_running(tmp_path):
    run = make_run(tmp_path, step=40)
    code = (
        "import sys; from pathlib import Path; from research.engine.directory import hold\n"
        "with hold(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(run)], cwd=ROOT, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    assert summarize(run).state == "running"
    (run / "ledger.jsonl").unlink()
    assert summarize(run).state == "running"
    holder.communicate()
    assert summarize(run).state == "damaged"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_text(""), "first line"),
        (lambda path: path.write_text("[1]\n"), "first line"),
        (lambda path: path.write_text("not json\n" + path.read_text()), "first line"),
        (lambda path: path.write_text(path.read_text() + "{}\n"), "a line of"),
        (lambda path: path.write_text(path.read_text() + "rubbish\n"), "a line of"),
    ],
)
def test_damage_is_a_state_and_no_traceback(tmp_path, change, words):
    run = make_run(tmp_path, seed=3, step=40)
    change(run / "ledger.jsonl")
    found = summarize(run)
    assert found.state == "damaged" and words in found.problem
    assert found.experiment == "alpha/probe" and found.seeds == (3, 1)


def test_a_line_cut_short_by_a_crash_is_no_damage(tmp_path):
    run = make_run(tmp_path, step=40)
    with (run / "ledger.jsonl").open("a") as file:
        file.write('{"kind": "save", "st')
    assert summarize(run).state == "stopped" and summarize(run).step == 40


def test_a_population_has_members(tmp_path):
    run = make_population(tmp_path, [0.25, 0.75, 0.5], seed=4, width=2)
    found = summarize(run)
    assert found.seeds == (4, 3) and found.width == 2
    assert [(m.seed, m.metrics) for m in found.members] == [
        (4, {"test/accuracy": 0.25}), (5, {"test/accuracy": 0.75}), (6, {"test/accuracy": 0.5}),
    ]  # fmt: skip
    spread = found.spread("test/accuracy")
    assert (spread.n, spread.mean) == (3, 0.5) and spread.half == pytest.approx(0.621, abs=1e-3)
    assert found.spread("test/none").n == 0


def test_an_unfinished_population_has_an_entry_a_member(tmp_path):
    figures = {"train/loss": [1.0, "inf"], "validation/loss": [None, 3.0]}
    found = summarize(make_run(tmp_path, step=40, figures=figures, population=(2, 2), seed=8))
    assert [m.seed for m in found.members] == [8, 9]
    assert found.members[0].metrics == {"train/loss": 1.0}
    assert found.members[1].metrics == {"train/loss": math.inf, "validation/loss": 3.0}
    assert not found.varied


def test_the_values_of_an_unfinished_population_are_those_of_its_config(tmp_path):
    config = {"batch_size": 32, "learning_rate": [0.1, 0.2]}
    figures = {"train/loss": [1.0, 2.0, 3.0, 4.0]}
    run = make_run(tmp_path, config=config, step=40, figures=figures, population=(2, 2),
                   varied=["learning_rate"])  # fmt: skip
    members = summarize(run).members
    assert [(m.seed, m.config["learning_rate"], m.metrics["train/loss"]) for m in members] == [
        (0, 0.1, 1.0), (1, 0.1, 2.0), (0, 0.2, 3.0), (1, 0.2, 4.0),
    ]  # fmt: skip


def test_a_headline_is_read_where_the_run_has_that_figure(tmp_path):
    figures = {"test/accuracy": 0.5, "test/whole": 0.25}
    run = make_run(tmp_path, result=figures, made_by={"headline": "test/whole"})
    assert summarize(run).figure == "test/whole"
    assert summarize(make_run(tmp_path, seed=1, result=figures)).figure == "test/accuracy"
    run = make_run(tmp_path, seed=2, result={"test/accuracy": 0.5},
                   made_by={"headline": "test/whole"})  # fmt: skip
    assert summarize(run).figure == "test/accuracy"


def test_variants_of_a_population_are_apart(tmp_path):
    figures = {"train/loss": [1.0, 2.0, 3.0, 4.0]}
    found = summarize(make_run(tmp_path, step=40, figures=figures, population=(2, 2)))
    assert [(m.seed, m.varied) for m in found.members] == [
        (0, {"variant": 0}), (1, {"variant": 0}), (0, {"variant": 1}), (1, {"variant": 1}),
    ]  # fmt: skip
    assert found.varied


def test_figures_of_strange_values():
    given_ = {"a/b": 1, "a/c": "nan", "a/d": None, "a/e": [1.0], "a/f": "x", "reported_step": 5}
    found = figures_of(given_)
    assert found.keys() == {"a/b", "a/c"} and found["a/b"] == 1.0 and math.isnan(found["a/c"])


plain = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(plain), st.booleans(), st.integers(1, 50))
def test_lines_backwards_are_the_lines(tmp_path_factory, lines, ended, block):
    path = tmp_path_factory.mktemp("lines") / "file"
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("research.runs.files._BLOCK", block)
        assert list(lines_backwards(path))[::-1] == data.splitlines(keepends=True)


def test_a_long_ledger_is_read_at_its_ends_only(tmp_path, monkeypatch):
    run = make_run(tmp_path, step=40)
    text = (run / "ledger.jsonl").read_text().splitlines(keepends=True)
    # Whatever stands in between, even rubbish, is not looked at.
    (run / "ledger.jsonl").write_text(text[0] + "rubbish\n" * 100_000 + text[1])
    assert summarize(run).step == 40 and summarize(run).state == "stopped"


def test_size_counts_files_and_follows_no_links(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").write_bytes(b"12345")
    (tmp_path / "a" / "b" / "y").write_bytes(b"678")
    (tmp_path / "big").write_bytes(b"0" * 1000)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "big")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    links = sum((tmp_path / "a" / name).lstat().st_size for name in ("link", "loop"))
    assert size_of(tmp_path / "a") == 8 + links
    assert size_of(tmp_path / "none") == 0


def test_every_state_can_be_asked_for():
    states = {"complete", "running", "stopped", "diverged", "damaged", "unreadable"}
    assert set(STATES) == states


def test_records_are_complete_and_say_their_result():
    for path in sorted((ROOT / "records").glob("*/*/*/result.json")):
        result = json.loads(path.read_text())
        found = summarize(path.parent)
        assert found.state == "complete" and found.step == result["step"]
        members = result.get("members", [result])  # of a population, or a run alone
        assert [member.metrics for member in found.members] == [
            figures_of(member["metrics"]) for member in members
        ]

"""Finding, showing and removing runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from research.cli.main import main
from research.engine.directory import LEDGER_FILE
from research.errors import Exit, Mistake
from research.runs.names import find_run


@pytest.fixture
def runs(project, tmp_path):
    from research.engine import ledger
    from research.engine.identity import Identity

    directory = tmp_path / "runs"
    for seed, batch_size in ((0, 32), (1, 32), (0, 64)):
        identity = Identity("alpha/probe", {"batch_size": batch_size, "widths": [1, 2]}, seed)
        run = identity.directory(directory)
        (run / "checkpoints" / "5").mkdir(parents=True)
        (run / "checkpoints" / "10").mkdir()
        (run / "metrics.jsonl").write_text('{"step": 10, "train/loss": 0.25}\n{"step": 11, "tr')
        header = {**identity._asdict(), "config_digest": identity.config_digest}
        ledger.append(run / LEDGER_FILE, "header", header, ledger.FIRST)
    return directory


def names(runs):
    return sorted(path.parent.relative_to(runs).as_posix() for path in runs.rglob(LEDGER_FILE))


def test_ways_to_name_a_run(runs):
    for name in names(runs):
        _, short, run = name.split("/")
        for text in (str(runs / name), name, f"{short}/{run}", run, run[:8] + run[8:]):
            assert find_run(text, runs) == runs / name
    only = next(name for name in names(runs) if name.endswith("-s1"))
    assert find_run("s1", runs) == runs / only
    assert find_run("-s1", runs) == runs / only


def test_names_that_fit_no_run_or_several(runs, tmp_path):
    with pytest.raises(Mistake, match="probe could be 3 runs"):
        find_run("probe", runs)
    with pytest.raises(Mistake, match="s0 could be 2 runs"):
        find_run("s0", runs)
    with pytest.raises(Mistake, match=r"no run proble in .*; did you mean alpha/probe/"):
        find_run("proble", runs)
    with pytest.raises(Mistake, match="is not a run"):
        find_run(str(tmp_path), runs)
    with pytest.raises(Mistake, match="holds no runs"):
        find_run("x", tmp_path / "none")


def test_show_an_unfinished_run(runs, capsys):
    assert main(["show", "s1"]) == 0
    text = capsys.readouterr().out
    assert "alpha/probe, seed 1" in text
    assert "batch-size  32" in text and "widths      1,2" in text
    assert "5, 10" in text
    assert "step 10: train loss 0.25" in text
    assert "resume" in text
    assert main(["show", "s1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["checkpoints"] == [5, 10]
    assert report["result"] is None and report["running"] is False


def test_remove_asks_first(runs, capsys):
    before = names(runs)
    assert main(["remove", "s1"]) == Exit.MISTAKE
    assert "--yes" in capsys.readouterr().err
    assert names(runs) == before


def test_remove_deletes_that_run_alone(runs, capsys):
    before = names(runs)
    gone = next(name for name in before if name.endswith("-s1"))
    assert main(["remove", "s1", "--yes"]) == Exit.MISTAKE
    assert names(runs) == before and "whole path" in capsys.readouterr().err
    assert main(["remove", gone, "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"].endswith(gone)
    assert names(runs) == [name for name in before if name != gone]
    assert not (runs / gone).exists()


def test_removing_the_last_run_leaves_no_empty_folders(runs):
    for name in names(runs):
        assert main(["remove", name, "--yes"]) == 0
    assert runs.is_dir() and not any(runs.iterdir())


@pytest.mark.parametrize("text", [".", "runs", "runs/alpha", "runs/alpha/probe"])
def test_remove_refuses_what_is_no_run(runs, text, monkeypatch, capsys):
    before = names(runs)
    assert main(["remove", text, "--yes"]) == Exit.MISTAKE
    assert names(runs) == before


def test_remove_refuses_a_run_at_work(runs, capsys):
    run = next(path.parent for path in runs.rglob(LEDGER_FILE) if path.parent.name.endswith("-s1"))
    code = (
        "import sys; from pathlib import Path; from research.engine.directory import hold\n"
        "with hold(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    assert main(["remove", str(run), "--yes"]) == Exit.MISTAKE
    assert "is at work" in capsys.readouterr().err
    assert main(["show", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["running"] is True
    holder.communicate()
    assert main(["remove", str(run), "--yes"]) == 0
    assert not run.exists()

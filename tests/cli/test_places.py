"""Runs that are private, moved, deleted, copied, renamed or linked are told for what they are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from research.cli.main import main
from research.errors import Exit
from tests.cli.processes import command, last_json, surroundings, wait_until
from tests.cli.test_run_commands import call, tiny  # noqa: F401, a fixture

LONG = ("run", "tiny", "--steps", "200000000", "--evaluate-every", "1000", "--save-seconds", "0.2")


def rows_of(capsys, *words):
    code, report, told = call(capsys, "runs", *words)
    assert code == 0
    return {row["name"]: row for row in report["runs"]}, told


def test_a_private_run_hides_no_other(tiny, capsys, monkeypatch):  # noqa: F811
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    shared = Path(tempfile.mkdtemp(prefix="shared-"))
    try:
        runs = ("--runs-dir", str(shared))
        _, mine, _ = call(capsys, "run", "tiny", "--smoke", *runs)
        _, other, _ = call(capsys, "run", "tiny", "--smoke", "--seed", "1", *runs)
        rows_of(capsys, *runs)  # whatever it imports is imported before
        for path in (shared, *shared.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        Path(mine["run_dir"]).chmod(0o700)
        (shared / "beta").mkdir(mode=0o700)
        os.seteuid(12345)
        try:
            rows, told = rows_of(capsys, *runs)
            code, shown, _ = call(capsys, "show", other["run_dir"], *runs)
            refused, why, _ = call(capsys, "show", mine["run_dir"], *runs)
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(shared)
    private = Path(mine["run_dir"]).relative_to(shared).as_posix()
    assert rows[private]["state"] == rows["beta"]["state"] == "unreadable"
    assert f"{private}: may not be read: it belongs to root" in told
    readable = Path(other["run_dir"]).relative_to(shared).as_posix()
    assert rows[readable]["state"] == "complete"
    assert code == 0 and shown["seed"] == 1
    assert refused == Exit.MISTAKE and "not allowed" in why["error"]


def test_copies_renamed_runs_and_links(tiny, capsys, tmp_path):  # noqa: F811
    _, first, _ = call(capsys, "run", "tiny", "--smoke")
    _, second, _ = call(capsys, "run", "tiny", "--smoke", "--seed", "1")
    own, other = Path(first["run_dir"]), Path(second["run_dir"])
    shutil.copytree(own, own.with_name("backup"))
    link = own.with_name(f"{own.name[:6]}abcdef-s0")
    link.symlink_to(own.absolute())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other.rename(elsewhere / other.name)
    other.symlink_to(elsewhere / other.name)
    rows, told = rows_of(capsys)
    below = own.relative_to("runs").as_posix()
    standing = {Path(name).name: row["standing"] for name, row in rows.items()}
    assert standing == {
        own.name: "",
        "backup": f"a copy of {below}",
        link.name: f"a link to {below}",
        other.name: f"a link to {elsewhere / other.name}",
    }
    assert "3 runs," in told and "kept aside" not in told
    sizes = {Path(name).name: row["bytes"] for name, row in rows.items()}
    assert sizes[link.name] == 0 and sizes[other.name] > 0
    _, shown, _ = call(capsys, "show", f"{own.name[:6]}-s0")
    assert shown["run_dir"] == str(own), "a link to it is not another"
    code, shown, told = call(capsys, "show", "backup")
    assert code == 0 and shown["standing"] == f"a copy of {below}" and "a copy of" in told

    shutil.rmtree(own)
    link.unlink()
    rows, told = rows_of(capsys)
    standing = {Path(name).name: row["standing"] for name, row in rows.items()}
    assert standing["backup"] == f"renamed: its own name is {below}"
    # What --restart keeps aside has a name of its own, and is no copy.
    call(capsys, "run", "tiny", "--smoke", "--seed", "2")
    call(capsys, "run", "tiny", "--smoke", "--seed", "2", "--restart")
    rows, _ = rows_of(capsys, "--all")
    assert not any(row["standing"] for name, row in rows.items() if "aside" in name)


@pytest.fixture
def at_work(tiny, tmp_path):  # noqa: F811
    process = subprocess.Popen(
        command(tiny, *LONG, "--json"),
        cwd=tmp_path,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(
            lambda: (
                process.poll() is not None
                or len(list(tmp_path.glob("runs/*/*/*/checkpoints/[1-9]*"))) > 0
            )
        )
        (run,) = tmp_path.glob("runs/*/*/*")
        yield process, run
    finally:
        process.kill()
        process.communicate()


def test_a_run_that_is_moved_while_at_work_says_where_it_lies(at_work, tmp_path, capsys):
    process, run = at_work
    run.rename(tmp_path / "moved")
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.STOPPED, err
    # Orbax, where it was writing, complains before or after.
    assert f"stopped: {last_json(out)['error']}" in err.splitlines()
    assert "was moved while" in last_json(out)["error"]
    assert f"python launch.py resume {tmp_path / 'moved'}" in last_json(out)["error"]
    assert not run.exists()
    before = max(int(path.name) for path in (tmp_path / "moved/checkpoints").glob("[0-9]*"))
    code, report, _ = call(capsys, "resume", str(tmp_path / "moved"), "--until", str(before + 1))
    assert code == Exit.STOPPED and report["step"] == before + 1


def test_a_run_that_is_deleted_while_at_work_ends(at_work):
    process, run = at_work
    while run.exists():
        shutil.rmtree(run, ignore_errors=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.DAMAGED, err
    assert "was deleted while" in last_json(out)["error"]
    assert not (run / "ledger.jsonl").exists(), "nothing is left that looks like a run"


def test_moved_and_then_interrupted(at_work, tmp_path):
    process, run = at_work
    run.rename(tmp_path / "moved")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == Exit.STOPPED and "was moved while" in err.splitlines()[-1]


def test_a_ledger_without_its_beginning_is_never_made(tmp_path):
    from research.engine import ledger
    from research.errors import Damaged

    path = tmp_path / "ledger.jsonl"
    digest = ledger.append(path, "header", {"config": {}}, ledger.FIRST)
    path.unlink()
    with pytest.raises(Damaged, match="was deleted while the run was at work"):
        ledger.append(path, "save", {"step": 0}, digest)
    assert not path.exists()


def test_an_empty_folder_of_runs_is_no_error(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0
    assert "holds no runs" in capsys.readouterr().out

"""The command `report`, and the report at the end of a run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from research.cli.main import main
from research.errors import Exit
from tests.cli.test_run_commands import call, tiny  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "records" / "vision" / "digits_cnn"


def test_a_page_of_finished_runs_is_made_without_jax(tmp_path):
    runs = [str(path) for path in sorted(RECORDS.glob("*-s*"))[:2]]
    code = (
        "import sys\n"
        "from research.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "assert 'jax' not in sys.modules\n"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "report", *runs, "-o", str(tmp_path / "page.html")]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 seeds, 95 % interval" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("spelling", [("-o", "a.html"), ("-o=a.html",), ("--output", "a.html")])
def test_where_the_page_goes(tmp_path, monkeypatch, capsys, spelling):
    monkeypatch.chdir(tmp_path)
    (run,) = RECORDS.glob("*-s0")
    code, report, _ = call(capsys, "report", str(run), *spelling)
    assert code == 0 and report["report"] == "a.html" and report["runs"] == [str(run)]
    assert Path("a.html").read_text().startswith("<!DOCTYPE html>")


def test_mistakes_are_told_and_write_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (run,) = RECORDS.glob("*-s0")
    for tokens, words in (
        ([], "RUN is missing"),
        (["nothing-like-it"], "there is no run"),
        ([str(run), "-o", str(tmp_path)], "is a folder"),
        ([str(run), "-o", "nowhere/a.html"], "no folder nowhere"),
        ([str(run), "--ouput", "a.html"], "did you mean"),
    ):
        code, report, _ = call(capsys, "report", *tokens)
        assert code == Exit.MISTAKE and words in report["error"], report
    assert not list(tmp_path.iterdir())


def test_a_run_writes_its_report_unless_told_not_to(tiny, capsys):  # noqa: F811
    code, result, err = call(capsys, "run", "tiny", "--smoke")
    page = Path(result["run_dir"], "report.html")
    assert code == 0 and "A tiny run: a vector shrinks." in page.read_text()
    assert str(page) in err.replace("\n", "")
    before = page.stat().st_mtime_ns
    call(capsys, "run", "tiny", "--smoke")
    assert page.stat().st_mtime_ns == before, "a finished run has its report already"
    page.unlink()
    call(capsys, "resume", "tiny")
    assert page.exists(), "one that is missing is written again"

    code, result, _ = call(capsys, "run", "tiny", "--smoke", "--seed", "1", "--no-report")
    assert code == 0 and not Path(result["run_dir"], "report.html").exists()
    call(capsys, "run", "tiny", "--seed", "2", "--until", "3")
    assert len(list(Path("runs").rglob("report.html"))) == 1
    code, report, _ = call(capsys, "report", "s2")
    assert code == 0 and "not complete" in Path(report["report"]).read_text()


def test_a_report_that_fails_is_a_note(tiny, capsys, monkeypatch):  # noqa: F811
    from research.report import page

    def fail(*arguments):
        raise RuntimeError("no ink")

    monkeypatch.setattr(page, "write_report", fail)
    code, result, err = call(capsys, "run", "tiny", "--smoke")
    assert code == 0 and result["complete"] and "no ink" in err
    assert json.loads(Path(result["run_dir"], "result.json").read_text())["complete"]


def test_help_teaches(capsys):
    assert main(["report", "--help"]) == 0
    out = capsys.readouterr().out
    assert "report RUN... [OPTIONS]" in out and "-o" in out and "95 % interval" in out

"""A reader who leaves, a full or closed stream, letters that cannot be spelled: no work is lost."""

from __future__ import annotations

import os
import signal

import pytest

from research.cli.main import COMMANDS, load_command
from tests.cli.processes import call, pipeline, wait_until
from tests.cli.test_run_commands import tiny  # noqa: F401, a fixture

WORKS = {
    *("run", "resume", "sweep", "verify", "prepare", "data"),
    *("play", "evaluate", "report", "export", "serve", "compact"),
}
LONG = ("run", "tiny", "--steps", "200000000", "--evaluate-every", "1000", "--save-seconds", "0.2")


def results(project, where="runs"):
    return sorted(project.root.parent.glob(f"{where}/*/*/*/result.json"))


def test_each_command_says_whether_it_does_more_than_print():
    assert {name for name in COMMANDS if load_command(name).works} == WORKS


def test_interrupted_in_a_pipeline_whose_reader_dies_first_a_run_saves(tiny, tmp_path):  # noqa: F811
    line = "$LAUNCH 2>&1 | tee log; echo ${PIPESTATUS[@]}"
    # Bash gives up the line at Ctrl-C; trapped, it goes on and can tell how each part ended.
    process = pipeline(f"trap : INT; {line}", tiny, *LONG, cwd=tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("runs/*/*/*/checkpoints/*"))) > 1)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    first, tee = map(int, out.splitlines()[-1].split())
    assert tee == 130 and first == 75
    (result,) = results(tiny)
    assert '"complete": false' in result.read_text()
    steps = [int(path.name) for path in result.parent.glob("checkpoints/*")]
    assert f'"step": {max(steps)}' in result.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "$LAUNCH 2>&1 | head -1; echo ${PIPESTATUS[0]}",
        pytest.param("$LAUNCH 2>&1 | true; echo ${PIPESTATUS[0]}", marks=pytest.mark.slow),
        pytest.param("$LAUNCH >&-; echo $?", marks=pytest.mark.slow),
        pytest.param("$LAUNCH 2>&-; echo $?", marks=pytest.mark.slow),
        "$LAUNCH >&- 2>&- <&-; echo $?",
        "$LAUNCH >/dev/full; echo $?",
        pytest.param("$LAUNCH 2>/dev/full; echo $?", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_when_nobody_reads(tiny, tmp_path, line):  # noqa: F811
    process = pipeline(line, tiny, "run", "tiny", cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert out.splitlines()[-1] == "0", err
    assert "Traceback" not in err
    (result,) = results(tiny)
    assert '"complete": true' in result.read_text()
    assert ("standard output is lost (No space" in err) == (" >/dev/full" in line)
    for path in result.parent.rglob("*.json*"):
        assert not path.read_text().startswith("note"), "a closed stream's number was given anew"


def test_a_run_that_stands_before_its_end_says_so_by_its_code(tiny, tmp_path):  # noqa: F811
    line = "$LAUNCH 2>&1 | true; echo ${PIPESTATUS[0]}"
    process = pipeline(line, tiny, "run", "tiny", "--until", "7", "--json", cwd=tmp_path)
    assert process.communicate(timeout=120)[0].splitlines()[-1] == "75"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$LAUNCH | true; echo ${PIPESTATUS[0]}", "0"),
        ("$LAUNCH >&-; echo $?", "0"),
        ("$LAUNCH 2>&-; echo $?", "0"),
        ("$LAUNCH >/dev/full; echo $?", "2"),
    ],
)
@pytest.mark.parametrize("words", [("list",), ("--help",), ("run", "--help"), ("list", "--json")])
def test_what_only_prints_ends_with_its_reader(line, code, words):
    process = pipeline(line, None, *words)
    out, err = process.communicate(timeout=60)
    assert out.splitlines()[-1] == code
    assert "Traceback" not in err
    if code == "2":
        told = "error: the output cannot be written: No space left on device"
        assert err.splitlines()[-1] == told


def test_a_mistake_with_nobody_to_tell_keeps_its_code(tmp_path):
    for line in ("$LAUNCH 2>/dev/full; echo $?", "$LAUNCH 2>&1 | true; echo ${PIPESTATUS[0]}"):
        process = pipeline(line, None, "show", "nothing", "--json", cwd=tmp_path)
        assert process.communicate(timeout=60)[0].splitlines()[-1] == "2"


@pytest.mark.parametrize(
    "unspellable",
    [
        {"PYTHONIOENCODING": "ascii"},
        pytest.param({"PYTHONIOENCODING": "latin-1:strict"}, marks=pytest.mark.slow),
        pytest.param(
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, marks=pytest.mark.slow
        ),
    ],
)
def test_letters_that_the_stream_cannot_spell(tiny, tmp_path, unspellable):  # noqa: F811
    def ended(*words):
        done = call(*words, project=tiny, **unspellable)
        assert "Traceback" not in done.stderr and done.returncode == 0, done.stderr
        return done.stdout

    tiny.add("alpha/letters", '"""Ein Fluß: ± λ → …\n\nExpected: ± λ\nTime: 1 µs\n"""\n')
    # Where the locale decides, it is overruled; a person's own word is not.
    assert ("λ" if "LC_ALL" in unspellable else "\\u03bb") in ended("list")
    assert "letters" in ended("list", "--json")
    runs = ("--runs-dir", str(tmp_path / "Läufe"))
    ended("run", "tiny", "--seeds", "2", "--smoke", *runs)
    assert "2 members" in ended("show", "tiny", *runs)
    assert "tiny" in ended("runs", *runs)
    ended("verify", "tiny", *runs)
    ended("report", "tiny", *runs)
    ended("resume", "tiny", *runs)

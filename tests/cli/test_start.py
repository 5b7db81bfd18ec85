"""Ctrl-C while a run starts: one line and 75, wherever it comes, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from research.engine.interrupts import BEFORE, SIGNALS
from tests.cli.processes import call, command, last_json, surroundings, wait_until

SMOKE = ("run", "sine_rnn", "--smoke", "--json", "--no-report", "--runs-dir")


def started(runs_dir: Path) -> subprocess.Popen[str]:
    """A run whose handlers stand, which Python's own for Ctrl-C alone does not make."""
    process = subprocess.Popen(
        command(None, *SMOKE, str(runs_dir)),
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: catches(process.pid, signal.SIGHUP) or process.poll() is not None)
    return process


def catches(process: int, number: int) -> bool:
    """Whether a handler of a process stands."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False
    caught = next(line for line in text.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    done = call(*SMOKE, str(tmp_path_factory.mktemp("whole")))
    assert done.returncode == 0, done.stderr
    return last_json(done.stdout)


def test_an_interrupt_at_any_moment_of_the_start(whole, tmp_path):
    seconds, before, asked = 0.0, 0, 0
    while True:
        process = started(tmp_path)
        time.sleep(seconds)
        process.send_signal(SIGNALS[before % 3])
        out, err = process.communicate(timeout=120)
        if process.returncode == 0:
            break  # It was done before.
        told = err.splitlines()
        assert process.returncode == 75, err
        assert "Traceback" not in err and "error" not in err and "import" not in err
        # At first it has not even been read that JSON is wanted.
        report = last_json(out) if out else {"error": BEFORE, "exit_code": 75}
        assert report["exit_code"] == 75
        if report["error"] == BEFORE:
            before += 1
            assert told == [BEFORE]
        else:
            asked += 1
            assert report["error"].startswith("stopped")
        if asked > 1:
            break
        seconds += 0.1 + 0.3 * seconds
    assert before > 3
    done = call(*SMOKE, str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    for name in ("digest", "metrics"):
        assert result[name] == whole[name]


LAST = """
import atexit, os, runpy, sys
# Registered first, and so called last of all.
atexit.register(os.kill, os.getpid(), int(sys.argv[1]))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_python_ends_changes_nothing(number, tmp_path):
    launch = command(None, "runs", "--runs-dir", str(tmp_path))
    done = subprocess.run(
        [launch[0], "-c", LAST, str(int(number)), *launch[1:]],
        env=surroundings(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "holds no runs" in done.stdout + done.stderr


def test_a_run_started_under_nohup_outlives_its_terminal(whole, tmp_path):
    process = subprocess.Popen(
        ["nohup", *command(None, *SMOKE, str(tmp_path))],
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: catches(process.pid, signal.SIGTERM))
    assert not catches(process.pid, signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert last_json(out)["digest"] == whole["digest"]

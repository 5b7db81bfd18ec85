"""The lock: one process in a run's directory, and a dead one is no obstacle."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from research.engine.directory import hold, is_held
from research.engine.run import restart
from research.errors import Mistake

HOLD = """
import sys, time
from pathlib import Path
from research.engine.directory import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process(directory):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path):
    assert not is_held(tmp_path)
    with another_process(tmp_path) as process:
        assert is_held(tmp_path)
        with (
            pytest.raises(Mistake, match=rf"process {process.pid} on .* is at work in {tmp_path}"),
            hold(tmp_path),
        ):
            pass
        with pytest.raises(Mistake, match="is at work in"):
            restart(tmp_path)
        assert tmp_path.is_dir()
        process.kill()
        process.wait()
        assert not is_held(tmp_path)
        with hold(tmp_path):
            assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_a_lock_is_given_back_when_its_holder_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    with hold(tmp_path):
        pass


def test_two_directories_are_two_locks(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with hold(tmp_path / "a"), hold(tmp_path / "b"):
        pass


def test_a_directory_that_was_moved_while_waiting_is_not_held(tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    real = fcntl.flock

    def moved_first(*arguments):
        monkeypatch.setattr(fcntl, "flock", real)
        run.rename(tmp_path / "aside")
        run.mkdir()
        return real(*arguments)

    monkeypatch.setattr(fcntl, "flock", moved_first)
    with pytest.raises(Mistake, match="was moved aside"), hold(run):
        pass
    with hold(run):
        pass


def test_restart_keeps_every_run_aside(tmp_path):
    run = tmp_path / "run"
    assert restart(run) is None and not run.exists()
    for number in range(3):
        run.mkdir()
        (run / "file").write_text(str(number))
        assert restart(run) == tmp_path / f"run.aside-{number}"
        assert not run.exists()
    assert [(tmp_path / f"run.aside-{n}" / "file").read_text() for n in range(3)] == list("012")


def test_one_who_only_looks_does_not_keep_a_run_from_starting(tmp_path):
    # `runs` looks at every run: a launch at that very instant waits for it instead of giving up.
    with (tmp_path / "lock").open("a+") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        timer = threading.Timer(0.02, fcntl.flock, (looking, fcntl.LOCK_UN))
        timer.start()
        with hold(tmp_path):
            assert is_held(tmp_path)
        timer.join()
        fcntl.flock(looking, fcntl.LOCK_SH)
        with pytest.raises(Mistake, match="is at work"), hold(tmp_path):
            pass

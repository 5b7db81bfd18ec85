"""Sweeps that are interrupted and killed, and runs that others are at work in."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from research.engine import ledger
from research.engine.identity import Identity
from research.errors import Exit
from research.options.catalog import ROOT, load, read
from research.options.config import config_fields
from tests.sweep.calls import (
    call,
    count_saves,
    digests,
    finished,
    held,
    ledgers,
    start,
    table,
    wait_for_saves,
)


def test_interrupted_then_killed_it_ends_as_if_nothing_had_happened(small, capsys) -> None:
    words = ["--grid", "decay=0.5,0.6", "--steps", "30000", "--save-every", "2000"]
    code, whole, _ = call(capsys, "sweep", "small", *words, "--runs-dir", "whole", "--jobs", "2")
    assert code == 0 and whole["completed"] == 2

    process = start(small / "launch.py", "small", *words)
    try:
        wait_for_saves(process, 1, 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == Exit.STOPPED, out + err
    assert "the same command goes on" in err and "Traceback" not in err
    assert not held() and finished() == 0
    saved = count_saves()
    assert saved > 1

    process = start(small / "launch.py", "small", *words)
    try:
        wait_for_saves(process, 2, 20)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        process.kill()
    assert finished() < 2
    code, report, _ = call(capsys, "sweep", "small", *words)
    assert code == 0 and report["complete"]
    assert table(report) == table(whole)
    assert digests("runs") == digests("whole") and len(digests("runs")) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word to orphans is Linux's")
def test_a_killed_sweep_leaves_no_run_at_work(small) -> None:
    process = start(small / "launch.py", "small", "--grid", "decay=0.5", "--steps", "2000000000")
    try:
        wait_for_saves(process, 1, 1)
        assert held()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        deadline = time.monotonic() + 300
        while held():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.kill()
    (path,) = ledgers()
    assert max(ledger.read(path).saves()) > 0, "it saved before it stopped"


def test_a_run_at_work_elsewhere_is_waited_for(small, tmp_path) -> None:
    """Another process holds the run's directory: the sweep waits, and says for whom."""
    named = load(read(small / "experiments/alpha/small.py"))
    run = Identity("alpha/small", config_fields(replace(named.config, decay=0.5)), 0).directory(
        Path("runs")
    )
    run.mkdir(parents=True)
    with (run / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("process 1 on moon\n")
        file.flush()
        process = start(small / "launch.py", "small", "--grid", "decay=0.5")
        seen = ""
        while "waiting for it to end" not in seen:
            line = process.stderr.readline()
            assert line, "it did not wait"
            seen += line
        assert "process 1 on moon" in seen and not (run / "ledger.jsonl").exists()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_guided_sweep_killed_many_times_is_the_same_sweep(small, capsys, seed) -> None:
    words = ["small", "--optimize", "validation/norm", "--minimize", "--trials", "14"]
    words += ["decay=0.1:0.999", "size=2,3,4", "--steps", "200000", "--sampling-seed", str(seed)]
    code, whole, _ = call(capsys, "sweep", *words, "--runs-dir", "whole")
    assert code == 0 and whole["completed"] + whole["pruned"] == 14 and whole["pruned"] > 0
    for kill in range(5):
        process = start(small / "launch.py", *words)
        try:
            wait_for_saves(process, 2 * kill + 1, count_saves() + 2)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        finally:
            process.kill()
    code, report, _ = call(capsys, "sweep", *words)
    assert code == 0 and table(report) == table(whole)


@pytest.mark.slow
def test_three_learning_rates_of_digits_killed_and_launched_again(
    capsys, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["digits_cnn", "--smoke", "--grid", "learning-rate=1e-3,2e-3,4e-3"]
    code, whole, _ = call(capsys, "sweep", *words, "--runs-dir", "whole")
    assert code == 0 and whole["completed"] == 3 and whole["metric"] == "validation/accuracy"
    process = start(ROOT / "launch.py", *words)
    try:
        wait_for_saves(process, 2, 3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        process.kill()
    assert finished() < 3
    code, report, _ = call(capsys, "sweep", *words)
    assert code == 0 and report["complete"] and table(report) == table(whole)
    assert digests("runs") == digests("whole")
    code, verdict, _ = call(capsys, "verify", report["trials"][0]["runs"][0]["run_dir"])
    assert code == 0 and verdict["verified"]


@pytest.mark.skipif(sys.platform != "linux", reason="the job's process is found in /proc")
def test_a_job_that_is_preempted_saves_and_is_queued_again(small, tmp_path) -> None:
    """The warning that SLURM gives before a time limit, sent to submitit's local executor."""
    import cloudpickle
    import submitit

    from research.sweep import remote

    cloudpickle.register_pickle_by_value(remote)
    words = ["run", "alpha/small", "--steps=60000", "--save-every=2000", "--json"]
    work = remote.Remote([str(small / "launch.py"), *words], str(tmp_path / "log"), str(tmp_path))
    executor = submitit.AutoExecutor(tmp_path / "jobs", cluster="local")
    executor.update_parameters(timeout_min=5)
    job = executor.submit(work)
    deadline = time.monotonic() + 300
    while count_saves() < 2:
        assert time.monotonic() < deadline and not job.done()
        time.sleep(0.005)
    controller = Path(f"/proc/{job.job_id}/task/{job.job_id}/children")
    os.kill(int(controller.read_text().split()[0]), signal.SIGUSR2)
    assert job.result() == 0 and finished() == 1
    # The log is that of the second process, which went on where the first had saved.
    assert "60,000 steps, from step" in (tmp_path / "log.err").read_text()
    assert "Requeued job" in Path(job.paths.stdout).read_text()

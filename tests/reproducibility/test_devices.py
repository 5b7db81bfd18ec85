"""The number of devices, and of processes, is no part of a result: one experiment a mechanism."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from research.options.catalog import ROOT
from tests.reproducibility import devices_run
from tests.reproducibility.launches import finish, start

ALL = (1, 2, 4, 8)
GROUPED: dict[str, dict[str, Any]] = {
    "cartpole_pqn": {},
    "cartpole_reinforce_baseline": {"environments": 8},
    "deep_sea_curiosity": {},
    "frozen_lake_muzero": {"environments": 8},
    "memory_chain_recurrent_ppo": {"minibatch_size": 64},
    "pendulum_a2c": {"environments": 8},
}
"""Algorithms that share a batch by its groups, and sizes that eight groups divide."""
MECHANISMS = [
    # All of a rollout at once: what is made of all groups then does not hang on their order.
    pytest.param("rl/cartpole_ppo", {"groups": 8, "minibatch_size": 64}, (1, 8), id="environments"),
    # Two processes share it below, on two devices.
    pytest.param("sequence/sine_rnn", {}, ALL, id="carried, all", marks=pytest.mark.slow),
    pytest.param("vision/digits_batch_norm", {}, ALL, id="batch norm, all", marks=pytest.mark.slow),
    pytest.param("rl/cartpole_ppo", {"groups": 8}, ALL, id="rl, all", marks=pytest.mark.slow),
    pytest.param("vision/digits_cnn", {}, ALL, id="dropout, all", marks=pytest.mark.slow),
    pytest.param("generative/digits_vae", {}, ALL, id="vae, all", marks=pytest.mark.slow),
    # Two optimisers, batch normalisation in the generator.
    pytest.param(
        "generative/dcgan",
        {"groups": 8, "features": ""},
        ALL,
        id="gan, all",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "generative/digits_diffusion",
        {"features": ""},
        ALL,
        id="diffusion, all",
        marks=pytest.mark.slow,
    ),
    # Of three steps at each size; the deviation of images is of some within a group.
    pytest.param(
        "generative/digits_progressive",
        {"groups": 8, "examples": 96, "features": ""},
        ALL,
        id="growing, all",
        marks=pytest.mark.slow,
    ),
    *(
        pytest.param(f"rl/{name}", {"groups": 8} | more, (1, 2, 8), id=name, marks=pytest.mark.slow)
        for name, more in GROUPED.items()
    ),
]


@pytest.mark.parametrize("name, fields, counts", MECHANISMS)
def test_any_number_of_devices_gives_one_digest(
    name: str, fields: dict[str, Any], counts: tuple[int, ...]
) -> None:
    ran = subprocess.run(
        [sys.executable, devices_run.__file__, name, json.dumps(fields), json.dumps(counts)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert len(found) >= len(counts) and len(set(found.values())) == 1, found


def test_two_processes_give_the_digest_of_one_and_another_grouping_does_not(tmp_path: Path) -> None:
    alone = finish(start("sequence/sine_rnn", tmp_path / "alone"))
    stopped = start("sequence/sine_rnn", tmp_path / "two", "--processes", "2", "--until", "13")
    stopped.communicate(timeout=240)
    assert stopped.returncode == 75
    together = finish(start("sequence/sine_rnn", tmp_path / "two", "--processes", "2"))
    assert (together["digest"], together["metrics"]) == (alone["digest"], alone["metrics"])
    # The negative control: how a batch is cut is seen in the digest.
    other = finish(start("sequence/sine_rnn", tmp_path / "other", "--groups", "4"))
    assert other["digest"] != alone["digest"]


def test_processes_that_read_their_share_of_each_batch_give_the_same_digest(tmp_path: Path) -> None:
    streamed = ("--data", "streamed", "--processes", "2")
    together = finish(start("generative/digits_vae", tmp_path / "two", *streamed))
    alone = finish(start("generative/digits_vae", tmp_path / "alone"))
    assert (together["digest"], together["metrics"]) == (alone["digest"], alone["metrics"])


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes_and_workers(tmp_path: Path) -> None:
    name = "generative/digits_vae"
    ways = (("1", "2", "1"), ("2", "4", "4"), ("4", "1", "0"), ("5", "8", "2"), (None, "2", "3"))
    for until, processes, workers in ways:
        options = ("--data", "streamed", "--workers", workers, "--processes", processes)
        ran = start(name, tmp_path / "many", *options, *(("--until", until) if until else ()))
        out, err = ran.communicate(timeout=400)
        assert ran.returncode == (75 if until else 0), err
    alone = finish(start(name, tmp_path / "alone"))
    assert json.loads(out.splitlines()[-1])["digest"] == alone["digest"]


def joined(runs_dir: Path, *options: str) -> list[int]:
    """The exit codes of two processes that find one another by an address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = ("--coordinator", address, "--process-count", "2", "--process-index")
    both = [start("sequence/sine_rnn", runs_dir, *options, *words, str(k)) for k in (0, 1)]
    for process in both:
        process.communicate(timeout=240)
    return [process.returncode for process in both]


@pytest.mark.slow
def test_processes_as_a_cluster_starts_them_end_well_where_the_run_is_finished(
    tmp_path: Path,
) -> None:
    assert joined(tmp_path) == joined(tmp_path) == [0, 0]


@pytest.mark.slow
def test_two_processes_have_several_runs_one_after_the_other(tmp_path: Path) -> None:
    options = ("--units", "4,8")
    together = finish(start("sequence/sine_rnn", tmp_path / "two", *options, "--processes", "2"))
    alone = finish(start("sequence/sine_rnn", tmp_path / "one", *options))
    digests = [[run["digest"] for run in runs["runs"]] for runs in (together, alone)]
    assert digests[0] == digests[1] and len(set(digests[0])) == 2


def test_one_process_killed_ends_the_others_and_the_run_goes_on(tmp_path: Path) -> None:
    long = ("--steps", "100000", "--processes", "2")
    together = start("sequence/sine_rnn", tmp_path, *long)
    out = err = ""
    try:
        second = wait_for(lambda: find_process(str(tmp_path), "--process-index 1"))
        wait_for(lambda: newest(tmp_path) >= 3)
        os.kill(second, signal.SIGKILL)
        out, err = together.communicate(timeout=240)
    finally:
        together.kill()
        together.communicate()
    assert together.returncode == 75 and "process 1 of 2 was killed by signal 9" in err
    assert json.loads(out.splitlines()[-1])["exit_code"] == 75
    saved = newest(tmp_path)
    resumed = start("sequence/sine_rnn", tmp_path, "--steps", "100000", "--until", str(saved + 2))
    resumed.communicate(timeout=240)
    assert resumed.returncode == 75 and newest(tmp_path) == saved + 2


def newest(runs_dir: Path) -> int:
    steps = [path.name for path in runs_dir.glob("*/*/*/checkpoints/*")]
    return max((int(step) for step in steps if step.isdecimal()), default=-1)


def wait_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError


def find_process(*words: str) -> int | None:
    """The process whose command line has all these words."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode()
            if all(word in line for word in words):
                return int(path.parent.name)
    return None


@pytest.mark.parametrize(
    "options, words",
    [
        (("--devices", "3"), "it can use 1, 2"),
        (("--devices", "16"), "at most 8"),
        (("--devices", "8", "--groups", "4"), "it can use 1, 2, 4"),
        (("--coordinator", "here"), "is HOST:PORT or auto"),
        (("--processes", "2", "--seeds", "2"), "a population is trained by one process"),
        (("--processes", "2", "--devices", "3"), "2 processes cannot have equal shares"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    refused = start("sequence/sine_rnn", tmp_path, *options)
    try:
        _, err = refused.communicate(timeout=120)
    finally:
        refused.kill()
        refused.communicate()
    assert refused.returncode == 2, err
    assert words in " ".join(err.split()) and "Traceback" not in err

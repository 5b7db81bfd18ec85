"""A run killed with SIGKILL at random moments ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine import runner
from tests.engine.toy import run_toy
from tests.engine.watch import records, same_outcome


def start(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, runner.__file__, "run", str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == '"started"\n', process.communicate()
    return process


def kill_and_finish(directory: Path, chance: random.Random, kills: int) -> tuple[int, dict]:
    """How often a process was killed at work, and the result of the one that was let be."""
    killed = 0
    for _ in range(kills):
        process = start(directory)
        # Saves of 5 steps each follow one another, so that most moments are in one.
        time.sleep(chance.uniform(0, 0.5))
        killed += process.poll() is None
        process.kill()
        process.communicate()
    out, err = start(directory).communicate(timeout=120)
    assert out, err
    return killed, json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def undisturbed(program, tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed")
    return directory, run_toy(directory, program, cadence=runner.SLOW)


def check(undisturbed, directory, seed, kills):
    killed, result = kill_and_finish(directory, random.Random(seed), kills)
    assert killed >= 1
    assert same_outcome(result, undisturbed[1])
    assert records(directory) == records(undisturbed[0])


@pytest.mark.slow
def test_killed_twice(undisturbed, tmp_path):
    check(undisturbed, tmp_path, 0, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_twenty_times(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed + 1, 5)


def test_a_process_killed_inside_a_save_is_one_of_them(program, undisturbed, tmp_path, monkeypatch):
    # The moments that chance may miss: after the part, after its rename, after the ledger's line.
    import research.engine.checkpoint as checkpoint
    import research.engine.saver as saver

    class Killed(BaseException):
        pass

    def after(function, times):
        count = iter(range(10**6))

        def killing(*arguments, **keywords):
            result = function(*arguments, **keywords)
            if next(count) == times:
                raise Killed
            return result

        return killing

    for place, name, times in (
        (checkpoint.durable, "sync_tree", 1),
        (checkpoint, "write", 2),
        (saver.ledger, "append", 2),
        (checkpoint, "prune", 1),
        (saver, "append_metrics", 1),
    ):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(place, name, after(getattr(place, name), times))
            run_toy(tmp_path, program, cadence=runner.SLOW)
    assert same_outcome(run_toy(tmp_path, program, cadence=runner.SLOW), undisturbed[1])
    assert records(tmp_path) == records(undisturbed[0])

"""Streaming needs the same memory however large the data: a limit of a tenth of it is enough."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data import memory_run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads /proc, limits by RLIMIT_DATA"
)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, memory_run.__file__, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )


def check(*arguments: object, grows: float) -> None:
    done = run("streamed", *arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["found"] == found["expected"]
    assert found["last"] - found["second"] < grows, found


def refused(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether memory ran out, in NumPy's words or in XLA's."""
    return done.returncode != 0 and bool(re.search("MemoryError|Out of memory", done.stderr))


def test_an_epoch_ten_times_the_memory_allowed():
    check("threads", 32, 0.64, 4, grows=8)  # of 320 MiB read between the two


def test_a_tenth_of_it_kept_is_too_much():
    assert refused(run("leaking", "threads", 32, 0.64, 4))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_epoch_of_gigabytes_in_a_tenth(kind):
    check(kind, 400, 4.2, 16, grows=16)


@pytest.mark.slow
def test_that_much_resident_is_refused():
    assert refused(run("resident", "threads", 32, 0.32, 4))

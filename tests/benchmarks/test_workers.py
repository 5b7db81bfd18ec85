"""Workers answer rounds; one that cannot be had is a row and no failure."""

import sys

import pytest

from benchmarks.worker import Worker, interleave

SPEAKS = """
import sys
print("noise before it is ready")
print('{"ready": "echo 1", "first_seconds": 0.5}', flush=True)
for number, line in enumerate(sys.stdin):
    print('{"rate": %d}' % (number + 1), flush=True)
"""


def test_rounds_are_kept_in_order():
    worker = Worker("echo", sys.executable, ["-c", SPEAKS])
    interleave([worker], 3)
    assert (worker.what, worker.first_seconds, worker.reason) == ("echo 1", 0.5, "")
    assert worker.rates == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("python", "code", "reason"),
    [
        (None, "", "not installed"),
        (sys.executable, "import a_peer_that_nobody_has", "not installed"),
        (sys.executable, "raise SystemExit('out of order')", "out of order"),
    ],
)
def test_a_worker_that_is_not_there_says_why(python, code, reason):
    absent = Worker("absent", python, ["-c", code])
    present = Worker("echo", sys.executable, ["-c", SPEAKS])
    interleave([absent, present], 2)
    assert (absent.rates, absent.reason) == ([], reason)
    assert present.rates == [1.0, 2.0]

"""A run that is deleted while it is at work says so, wherever in the engine it just is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.engine import deleted_run

slow = pytest.mark.slow


@pytest.mark.parametrize(
    "what",
    ["content", pytest.param("everything", marks=slow), pytest.param("checkpoints", marks=slow)],
)
def test_a_run_that_is_deleted_at_any_place_says_so(what, tmp_path):
    process = subprocess.run(
        [sys.executable, deleted_run.__file__, what, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr
    found = [json.loads(line) for line in process.stdout.splitlines()]
    assert {"mkdir", "open", "rename", "replace", "scandir", "stat"} <= {
        each["place"][0] for each in found
    }
    told = 0
    for each in found:
        kind, message = each["end"]
        if kind == "Damaged":
            told += 1
            assert "was deleted while" in message, each
            assert what == "checkpoints" or not each["ledger"], "nothing looks like a run"
        elif kind:
            # Before anything is in it, it may have been a restart.
            assert (kind, "was moved aside by another process" in message) == ("Mistake", True)
    # What is deleted before it is made, or after it was last needed, is not missed.
    assert told > len(found) // 3

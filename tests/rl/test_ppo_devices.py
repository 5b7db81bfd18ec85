"""PPO with several minibatches on several devices, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def members(place: Path, *options: str) -> list[str]:
    command = ["launch.py", "run", "rl/cartpole_ppo", "--smoke", "--environment-steps", "256",
               "--seeds", "2", "--json", "--no-report", "--runs-dir", str(place)]  # fmt: skip
    ended = subprocess.run(
        [sys.executable, *command, *options], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return [member["digest"] for member in json.loads(ended.stdout)["members"]]


@pytest.mark.slow
def test_shuffled_minibatches_are_the_same_on_two_devices(tmp_path):
    # A sort of which one result was not used ended the process in XLA's partitioner.
    one = members(tmp_path / "one")
    assert members(tmp_path / "two", "--devices", "2") == one
    assert one[0] != one[1]

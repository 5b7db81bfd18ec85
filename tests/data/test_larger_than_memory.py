"""An experiment in less memory than its data: its resident size is flat, and the system says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research.options.catalog import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, limits by RLIMIT_DATA"),
]
ALLOWED = 2_000_000
"""KiB of data that the process may have."""
COPIES = 4
"""Pictures of each image: 2.6 GiB, or 2.7 million KiB."""


def start(runs: Path, placement: str) -> subprocess.Popen[str]:
    command = f"{sys.executable} launch.py run data/larger_than_memory --copies {COPIES} --json"
    command += f" --data {placement} --runs-dir {runs} --no-report"
    return subprocess.Popen(
        ["bash", "-c", f"ulimit -d {ALLOWED} && exec {command}"],
        cwd=ROOT,
        env=os.environ | {"ENCORE_CACHE_DIR": str(runs / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def resident_mib(process: subprocess.Popen[str]) -> float | None:
    """None once it has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)


def test_a_third_more_than_the_memory_allowed_and_the_resident_size_is_flat(tmp_path: Path) -> None:
    process = start(tmp_path, "streamed")
    ledgers, sizes = tmp_path / "data" / "larger_than_memory", list[float]()
    while (size := resident_mib(process)) is not None and process.poll() is None:
        if [*ledgers.glob("*/ledger.jsonl")]:  # all is written, and steps are made
            sizes.append(size)
        time.sleep(0.5)
    out, err = process.communicate(timeout=60)
    if "TFDS_DATA_DIR" in err:
        pytest.skip(err)
    assert process.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    held = sum(
        path.stat().st_size for path in (tmp_path / "cache").glob("written/*/train-*/part-*")
    )
    assert held > 1024 * ALLOWED and result["metrics"]["test/accuracy"] > 0.7
    quarter = len(sizes) // 4
    # In the last quarter the test split is evaluated, by a program of its own.
    second, third = max(sizes[quarter : 2 * quarter]), max(sizes[2 * quarter : 3 * quarter])
    print(f"{held / 2**30:.2f} GiB in a resident size of {second:.0f} MiB, later {third:.0f}")
    assert third < 1.05 * second

    # The control: all of it at once is refused.
    process = start(tmp_path / "resident", "resident")
    out, err = process.communicate(timeout=1800)
    assert process.returncode != 0 and "memory" in err.lower(), err

"""Runs in processes of their own, as a person starts them, and some of them killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from research.options.catalog import ROOT

REPRESENTATIVES = ("vision/digits_cnn", "rl/cartpole_ppo", "sequence/sine_rnn")
"""One of each mechanism: batches from a data set, environments in the state, carried state."""
FAST = REPRESENTATIVES[-1]


def start(
    name: str, runs_dir: Path, *more: str, prefix: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """`launch.py run NAME --smoke`, with frequent saves."""
    command = [*prefix, sys.executable, "launch.py", "run", name, "--smoke", "--json"]
    command += ["--no-report"]
    command += ["--runs-dir", str(runs_dir), "--save-every", "3", *more]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The run's result; the process must end well."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, f"exit {process.returncode}\n{out}\n{err}"
    return json.loads(out.splitlines()[-1])


def kill_at_random(
    name: str, runs_dir: Path, chance: random.Random, *, mid_save: bool = False
) -> bool:
    """Start the run and kill it with SIGKILL; whether it still was at work.

    Args:
        name: the experiment.
        runs_dir: where the run lies.
        chance: when, within the first saves.
        mid_save: at the moment at which a checkpoint is being written.
    """
    before = _saves(runs_dir)
    process = start(name, runs_dir)
    try:
        return _kill_at(process, runs_dir, chance, before, mid_save=mid_save)
    finally:
        process.kill()
        process.communicate()


def _kill_at(
    process: subprocess.Popen[str],
    runs_dir: Path,
    chance: random.Random,
    before: int,
    *,
    mid_save: bool,
) -> bool:
    wanted = before + chance.randint(1, 3)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if mid_save and _saves(runs_dir) > before and _is_saving(runs_dir):
            break
        if not mid_save and _saves(runs_dir) >= wanted:
            time.sleep(chance.random() * 0.05)
            break
        time.sleep(0.0005)
    return process.poll() is None


def _saves(runs_dir: Path) -> int:
    ledgers = runs_dir.glob("*/*/*/ledger.jsonl")
    return sum(path.read_text().count('"kind":"save"') for path in ledgers)


def _is_saving(runs_dir: Path) -> bool:
    # One level only: what lies deeper comes and goes while one looks.
    return any(runs_dir.glob("*/*/*/checkpoints/.*.part"))

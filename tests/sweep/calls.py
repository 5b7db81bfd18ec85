"""The command, called in this process or started in one of its own; and what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from research.cli.main import main
from research.engine import ledger
from research.engine.directory import is_held


def call(capsys: pytest.CaptureFixture[str], *tokens: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the JSON object, and the text for people."""
    code = main([*tokens, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]), err


def start(program: Path, *words: str) -> subprocess.Popen[str]:
    """`launch.py sweep WORDS` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(program), "sweep", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def table(report: Mapping[str, Any]) -> str:
    """The sweep's CSV."""
    return Path(report["sweep_dir"], "table.csv").read_text()


def ledgers(runs: str = "runs") -> list[Path]:
    return sorted(Path(runs).glob("*/*/*/ledger.jsonl"))


def wait_for_saves(process: subprocess.Popen[str], runs: int, saves: int) -> None:
    """Until so many runs have begun, and have made so many saves together."""
    deadline = time.monotonic() + 300
    while len(ledgers()) < runs or count_saves() < saves:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)


def count_saves(runs: str = "runs") -> int:
    return sum(path.read_text().count('"kind":"save"') for path in ledgers(runs))


def finished(runs: str = "runs") -> int:
    return sum('"kind":"result"' in path.read_text() for path in ledgers(runs))


def held(runs: str = "runs") -> list[Path]:
    return [path.parent for path in ledgers(runs) if is_held(path.parent)]


def digests(runs: str = "runs") -> dict[str, str]:
    """Run -> digest of its last state."""
    return {
        path.parent.name: ledger.read(path).lines[-1].content["digest"] for path in ledgers(runs)
    }

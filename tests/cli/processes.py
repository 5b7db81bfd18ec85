"""Commands in processes of their own, as a person starts them, on a project of a test's own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
_OWN = """
import runpy, sys
from pathlib import Path
from research.cli import main
main.ROOT = Path(sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def command(project: Project | None, *words: str) -> list[str]:
    """`python launch.py WORDS`, of a project of a test's own or of Encore."""
    launch = str(ROOT / "launch.py")
    if project is None:
        return [sys.executable, launch, *words]
    return [sys.executable, "-c", _OWN, str(project.root), launch, *words]


def surroundings(**more: str) -> dict[str, str]:
    """The environment of a process that finds this checkout wherever it is started."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def call(
    *words: str, project: Project | None = None, prefix: tuple[str, ...] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with more in its environment; `prefix` starts it."""
    return subprocess.run(
        [*prefix, *command(project, *words)],
        env=surroundings(**more),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
    )


def pipeline(
    line: str, project: Project | None, *words: str, **popen: Any
) -> subprocess.Popen[str]:
    """Bash runs `line`, in which `$LAUNCH` is the command; in a process group of its own."""
    quoted = " ".join(map(shlex.quote, command(project, *words)))
    return subprocess.Popen(
        ["bash", "-c", line.replace("$LAUNCH", quoted)],
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **popen,
    )


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def last_json(text: str) -> dict[str, Any]:
    """The JSON object of the last line."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found

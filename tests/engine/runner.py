"""The toy in a process of its own: `python runner.py TASK DIRECTORY`; one JSON value a line.

run        a run, slow enough to be killed; says `started` first
glimpses   the same, which keeps pictures as it goes
limits     a run a limit on the size of files, each first refused by it and then without it
read-only  a run in a directory that cannot be written to
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from research.engine.environment import settle_environment

settle_environment()
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from research.engine.experiment import Glimpse  # noqa: E402
from research.engine.loop import Cadence  # noqa: E402
from research.engine.program import Program  # noqa: E402
from research.engine.record import Observer  # noqa: E402
from tests.engine.toy import ToyFeed, make_toy, run_toy  # noqa: E402

SLOW = Cadence(10, 20, 5, chunk_seconds=1e-9)
LIMITS = (10, 1000, 2500, 3900)
"""From a lock that cannot be written to a ledger that is nearly done, in bytes."""
NOBODY = 65534


class Slow(Observer):
    def started(self, info: Any) -> None:
        say("started")

    def progress(self, *_: Any) -> None:
        time.sleep(0.01)


def say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def attempt(directory: Path, program: Program) -> str:
    try:
        run_toy(directory, program)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main(task: str, directory: Path) -> None:
    glimpse = Glimpse(lambda state, _: state.params["w"]) if task == "glimpses" else None
    program = Program(make_toy()._replace(glimpse=glimpse), ToyFeed())
    if task in ("run", "glimpses"):
        say(run_toy(directory, program, cadence=SLOW, observer=Slow()))
    if task == "limits":
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        for limit in LIMITS:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            refused = [attempt(directory / str(limit), program) for _ in range(2)]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            say({"limit": limit, "refused": refused, **run_toy(directory / str(limit), program)})
    if task == "read-only":
        run_toy(directory / "warm", program)  # What is imported on the way may lie out of reach.
        (directory / "locked").mkdir()
        (directory / "locked").chmod(0o555)
        directory.chmod(0o555)
        if os.getuid() == 0:
            os.setuid(NOBODY)
        for name in ("locked", "new", "warm"):
            say(attempt(directory / name, program))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

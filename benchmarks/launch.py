"""How long a launch takes: `list`, the first update, and a second launch from the cache.

    python -m benchmarks.launch

Every launch is a process of its own of `launch.py`, as a person types it. The first update has
happened when its line stands in `metrics.jsonl`, which is watched from here. The bound is what JAX
itself needs: a process that imports it and starts a backend, and the compilation (with tracing)
that the run reports. The second launch finds what the first compiled in the cache of compiled
programs, and its digest must be that of a launch without any cache. So do a `resume` of that run,
timed to the line of its next update, and a `verify` of its first updates, timed to its end.
Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.spread import median_and_range, verdict
from benchmarks.table import machine, table
from benchmarks.worker import ROOT

NAMES = ["sequence/sine_rnn", "rl/cartpole_ppo", "vision/digits_cnn"]
UNTIL = 3
WAIT_SECONDS = 300.0


class Launch(NamedTuple):
    """One launch.

    Attributes:
        first_update: seconds from the command to the line of the first update.
        compilation: seconds of tracing and compiling up to the end.
        digest: of the state after `UNTIL` updates.
    """

    first_update: float
    compilation: float
    digest: str


def seconds_of(*command: str, **environment: str) -> float:
    """How long a command of Python's takes."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    return time.perf_counter() - began


def launch(name: str, environment: Mapping[str, str], runs: str, until: int = UNTIL) -> Launch:
    """Launch a run, or the same command once more, up to a step.

    Raises:
        RuntimeError: it failed.
    """

    def written() -> int:
        return sum(f.stat().st_size for f in Path(runs).glob("*/*/*/metrics.jsonl"))

    command = [sys.executable, "launch.py", "run", name, "--runs-dir", runs, "--json",
               "--until", str(until), "--report-every", "1"]  # fmt: skip
    before, began, first = written(), time.perf_counter(), None
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    while process.poll() is None and time.perf_counter() - began < WAIT_SECONDS:
        if written() > before:
            first = time.perf_counter() - began
            break
        time.sleep(0.01)
    output, error = process.communicate(timeout=WAIT_SECONDS)
    if first is None:
        raise RuntimeError(error or output)
    result = json.loads(output)
    return Launch(first, result["compile_seconds"], result["digest"])


def measure(name: str, launches: int) -> list[str]:
    """One experiment's line."""
    imports, plain, cold, warm, resumed, verified = [], [], [], [], [], []
    for _ in range(launches):
        imports.append(seconds_of("-c", "import jax; jax.devices()"))
        with tempfile.TemporaryDirectory() as place:
            one, two, three = f"{place}/1", f"{place}/2", f"{place}/3"
            plain.append(launch(name, {"JAX_ENABLE_COMPILATION_CACHE": "false"}, one))
            environment = {"JAX_COMPILATION_CACHE_DIR": f"{place}/compiled"}
            cold.append(launch(name, environment, two))
            warm.append(launch(name, environment, three))
            resumed.append(launch(name, environment, three, 2 * UNTIL))
            (run,) = Path(three).glob("*/*/*/")
            told = "verify", str(run), "--interval", f"0:{UNTIL}"
            verified.append(seconds_of("launch.py", *told, **environment))
    over = [
        run.first_update - own - run.compilation for run, own in zip(plain, imports, strict=True)
    ]
    gained = [a.first_update / b.first_update for a, b in zip(cold, warm, strict=True)]
    same = len({run.digest for run in [*plain, *cold, *warm]}) == 1
    return [
        name,
        median_and_range([run.first_update for run in plain]),
        median_and_range(imports),
        median_and_range([run.compilation for run in plain]),
        median_and_range(over),
        f"≤ 1 s: {verdict(over, 1, at_most=True)}",
        median_and_range([run.first_update for run in warm]),
        median_and_range([run.compilation for run in warm]),
        median_and_range([run.first_update for run in resumed]),
        median_and_range(verified),
        median_and_range(gained),
        "one" if same else "DIFFERENT",
    ]


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--launches", type=int, default=5, help="of each kind")
    parser.add_argument("--names", nargs="*", default=NAMES)
    options = parser.parse_args()
    print(machine())
    print(f"\n{options.launches} launches of each kind, in turn; seconds\n")
    listing = [seconds_of("launch.py", "list") for _ in range(options.launches)]
    goal = f"< 1 s: {verdict(listing, 1, at_most=True)}"
    print(table(["command", "seconds", "goal"], [["list", median_and_range(listing), goal]]))
    print(flush=True)
    if options.names:
        head = ["experiment", "first update", "import of JAX", "compilation", "the rest", "goal",
                "first update, second launch with cache", "its compilation",
                "next update, resumed", "first updates verified, whole command",
                "× as fast as the first with cache",
                "digests"]  # fmt: skip
        print(table(head, [measure(name, options.launches) for name in options.names]))


if __name__ == "__main__":
    main()

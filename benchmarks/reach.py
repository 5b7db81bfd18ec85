"""Seconds until eight seeds of PPO balance CartPole: a mean return of 475, compilation included.

    python -m benchmarks.reach --rejax-python REJAX/bin/python --stable-python STABLE/bin/python

From the start of a process to its first line that says so, each with the settings that it is
published with for CartPole, each by itself. Encore trains its eight seeds by `launch.py run
rl/cartpole_ppo --seeds 8`, on one device and on two; rejax by `vmap`; the others one after the
other, which is what they offer. JAX's cache of compiled programs is off.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from benchmarks.rivals import PEERS, arguments
from benchmarks.spread import median_and_range
from benchmarks.table import machine, table
from benchmarks.worker import ROOT

GOAL, PATIENCE = 475.0, 900.0
SAID = re.compile(r"step\s+([\d,]+)\s+(?:evaluation episode_return|mean) ([\d.]+)")


class Reached(NamedTuple):
    """Where the goal was first seen, or why it was not.

    Attributes:
        seconds: since the process began.
        steps: what the line counts: updates or environment steps of a seed.
        why_not: "" where it was.
    """

    seconds: float
    steps: int
    why_not: str = ""


def reach(command: list[str]) -> Reached:
    """Run until the goal is said, and stop."""
    began = time.perf_counter()
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, cwd=ROOT, env=environment)  # fmt: skip
    assert process.stdout is not None
    last = ""
    try:
        for line in process.stdout:
            last, seconds = line.strip() or last, time.perf_counter() - began
            said = SAID.search(line)
            if said and float(said[2]) >= GOAL:
                return Reached(seconds, int(said[1].replace(",", "")))
            if seconds > PATIENCE:
                return Reached(seconds, 0, f"not in {PATIENCE:g} s")
    finally:
        process.kill()
        process.communicate()
    absent = "ModuleNotFoundError" in last
    return Reached(0.0, 0, "not installed" if absent else f"never: {last[-60:]}")


def launched(folder: str, number: int, devices: int, width: int) -> list[str]:
    """What a user types, in a folder of its own each time."""
    return [sys.executable, "launch.py", "run", "rl/cartpole_ppo", "--seeds", "8",
            "--devices", str(devices), "--width", str(width), "--evaluate-every", "20",
            "--no-report", "--runs-dir", f"{folder}/{number}-{devices}-{width}"]  # fmt: skip


def main() -> None:
    """Measure and print one table."""
    questions = ("Encore, one device", "Encore, two devices of width 4", "rejax, vmapped",
                 "sbx", "stable-baselines3")  # fmt: skip
    options = arguments(__doc__, questions)
    rejax, stable = options.rejax_python, options.stable_python
    peers = {
        "rejax, vmapped": [rejax, str(PEERS / "rejax_reach.py")],
        "sbx": [stable, str(PEERS / "stable_reach.py"), "sbx"],
        "stable-baselines3": [stable, str(PEERS / "stable_reach.py"), "stable_baselines3"],
    }
    lines = []
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, list[Reached]] = {name: [] for name in options.only}
        for number in range(options.rounds):
            for name in options.only:
                if name in peers:
                    command = peers[name]
                else:
                    devices, width = (1, 1) if "one" in name else (2, 4)
                    command = launched(folder, number, devices, width)
                missing = command[0] is None
                found[name].append(Reached(0, 0, "not installed") if missing else reach(command))
    for name, all_of_it in found.items():
        reasons = sorted({one.why_not for one in all_of_it if one.why_not})
        seconds = [one.seconds for one in all_of_it if not one.why_not]
        lines.append([name, median_and_range(seconds), "; ".join(reasons) or "—"])
    print(table(["who", f"seconds to {GOAL:g}", "what went wrong"], lines))


if __name__ == "__main__":
    main()

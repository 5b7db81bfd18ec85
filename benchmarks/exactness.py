"""What exactness costs: the width of a population, and data that is streamed.

    python -m benchmarks.exactness

First table: eight seeds trained as one population, member by member (width 1, each with the bits of
its own run) and in blocks of 4 and 8 by `vmap`, against eight runs one after the other. Beside them
such runs with as many threads in XLA's pool as there are cores, which makes bits the machine's own,
instead of Encore's 8; and with batches in 1 group or in 8, which devices can share. Second table:
training fed from memory on the device against training fed by worker threads, with the most memory
that either process needed. Workers are asked for rounds in turn; ratios are made round by round.
Compilation is timed apart. Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.spread import median_and_range, ratios, verdict
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave

NAMES = ["sequence/sine_rnn", "rl/cartpole_ppo", "vision/digits_cnn"]
SEEDS = 8
LONG = {
    "sequence/sine_rnn": ["steps=10000000"],
    "rl/cartpole_ppo": ["environment_steps=1000000000"],
    "vision/digits_cnn": ["epochs=100000"],
    "vision/mnist_mlp": ["epochs=10000"],
}
"""Settings of runs that do not end while they are timed."""


def widths(name: str, rounds: int, seconds: float, devices: int) -> list[list[str]]:
    """The first table's lines for one experiment."""
    command = ["-m", "benchmarks.peers.encore_program", name, "--set", *LONG[name]]
    command += ["--members", str(SEEDS), "--seconds", str(seconds)]
    solo = Worker(f"{SEEDS} runs, one by one", sys.executable, command)
    # What it costs that bits do not follow the number of cores: XLA's own pool has one a core.
    cores = str(len(os.sched_getaffinity(0)))
    free = Worker(f"one by one, pool of {cores}", sys.executable, [*command, "--pool", cores])
    workers = [solo, free]
    # What it costs that devices can share a batch: its groups are computed one after the other.
    for groups in ("1", "8"):
        cut = command.copy()
        cut[cut.index("--set") + 1 : cut.index("--set") + 1] = [f"groups={groups}"]
        unit = "group" if groups == "1" else "groups"
        workers.append(Worker(f"one by one, {groups} {unit}", sys.executable, cut))
    for width in (1, 4, 8):
        used = min(devices, SEEDS // width)
        kind = f"width {width}" + (f", {used} devices" if devices > 1 and used > 1 else "")
        own = ["--width", str(width), "--devices", str(used)]
        workers.append(Worker(kind, sys.executable, [*command, *own]))
    interleave(workers, rounds)
    lines = []
    for worker in workers:
        compared = ratios(worker.rates, solo.rates) if worker.rates and solo.rates else []
        lines.append(
            [
                name,
                worker.name,
                worker.reason or median_and_range(worker.rates),
                median_and_range(compared),
                f"{worker.first_seconds:.1f}",
            ]
        )
    return lines


def feeding(name: str, rounds: int, seconds: float) -> list[list[str]]:
    """The second table's lines for one experiment."""
    command = ["-m", "benchmarks.peers.encore_fed", name, "--seconds", str(seconds), "--data"]
    workers = [Worker(d, sys.executable, [*command, d]) for d in ("resident", "streamed")]
    interleave(workers, rounds)
    resident = workers[0]
    lines = []
    for worker in workers:
        compared = ratios(worker.rates, resident.rates) if worker.rates and resident.rates else []
        peak = max((answer["peak_memory_bytes"] for answer in worker.answers), default=0)
        goal = f"≥ 0.9: {verdict(compared, 0.9)}" if worker is not resident else "—"
        lines.append(
            [
                name,
                worker.name,
                worker.reason or median_and_range(worker.rates),
                median_and_range(compared),
                goal,
                f"{peak / 1e6:.0f}",
            ]
        )
    return lines


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--names", nargs="*", default=NAMES, choices=LONG, metavar="NAME")
    parser.add_argument("--fed", nargs="*", metavar="NAME",
                        default=["vision/mnist_mlp", "vision/fashion_mnist_small"])  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--devices", type=int, default=1, help="that populations are spread over")
    options = parser.parse_args()
    print(machine())
    timing = f"{options.rounds} rounds of about {options.seconds:g} s, in turn"
    if options.names:
        print(f"\n{SEEDS} seeds, {timing}\n")
        head = ["experiment", f"{SEEDS} seeds as", "items/s, all seeds", "× one by one",
                "first step, s"]  # fmt: skip
        lines = [
            line
            for name in options.names
            for line in widths(name, options.rounds, options.seconds, options.devices)
        ]
        print(table(head, lines), flush=True)
    if options.fed:
        print(f"\nFed, {timing}\n")
        head = ["experiment", "data", "images/s", "× resident", "goal", "peak memory, MB"]
        fed = [f for name in options.fed for f in feeding(name, options.rounds, options.seconds)]
        print(table(head, fed))


if __name__ == "__main__":
    main()

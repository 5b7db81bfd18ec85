"""PPO on CartPole-v1 against rejax, and eight seeds over the machine's cores.

    python -m benchmarks.ppo --rejax-python REJAX/bin/python

4 environments x 128 steps, 4 epochs, 4 minibatches of 128, 64-64 tanh, evaluation off. REJAX is an
environment with rejax 0.1.3 and gymnax 0.0.9 (`pip install rejax==0.1.3 gymnax==0.0.9`). Each
worker is a process of its own, asked for rounds in turn; ratios are made round by round.
Compilation is timed apart. Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from benchmarks.spread import median_and_range, ratios, verdict
from benchmarks.table import machine, table
from benchmarks.worker import ROOT, Worker, interleave

SETTINGS = ["environments=4", "rollout_steps=128", "epochs=4", "minibatch_size=128",
            "environment_steps=1000000000"]  # fmt: skip
REJAX = str(ROOT / "benchmarks" / "peers" / "rejax_ppo.py")
SEEDS = 8


def encore(
    name: str, seconds: float, members: int, width: int, devices: int, pool: int = 0
) -> Worker:
    """Encore's PPO, so many seeds of it; a pool of another size than Encore's has other bits."""
    sizes = ["--members", str(members), "--width", str(width), "--devices", str(devices)]
    command = ["-m", "benchmarks.peers.encore_program", "rl/cartpole_ppo", "--set", *SETTINGS]
    own = ["--pool", str(pool)] if pool else []
    return Worker(name, sys.executable, [*command, *sizes, *own, "--seconds", str(seconds)])


def rejax(name: str, python: str | None, seconds: float, members: int, pool: int = 0) -> Worker:
    """Rejax's PPO, so many seeds of it, with XLA's pool as it comes or of a given size."""
    sizes = ["--members", str(members), "--seconds", str(seconds)]
    return Worker(name, python, [REJAX, *sizes], {"NPROC": str(pool)} if pool else None)


def rows(
    workers: Sequence[Worker], against: Worker, goals: Sequence[float | None]
) -> list[list[str]]:
    """A line a worker: its rate, and how its rate stands to that of `against`."""
    lines = []
    for worker, goal in zip(workers, goals, strict=True):
        if worker.reason:
            lines.append([worker.name, "—", worker.reason, "—", "—", "—"])
            continue
        compared = ratios(worker.rates, against.rates) if against.rates else []
        judged = f"≥ {goal:g}: {verdict(compared, goal)}" if goal else "—"
        lines.append(
            [
                worker.name,
                worker.what,
                median_and_range(worker.rates),
                median_and_range(compared),
                judged,
                f"{worker.first_seconds:.1f}",
            ]
        )
    return lines


def head(last: str) -> list[str]:
    """The head of a table that compares with `last`."""
    return ["who", "version", "environment steps/s", f"× {last}", "goal", "first step, s"]


def one_seed(python: str | None, rounds: int, seconds: float) -> None:
    """Print the first table."""
    print(f"\nOne seed, {rounds} rounds of about {seconds:g} s, in turn\n")
    peer = rejax("rejax", python, seconds, 1)
    workers = [
        encore("Encore", seconds, 1, 0, 1),
        peer,
        rejax("rejax, pool of 8", python, seconds, 1, 8),
        encore("Encore, pool of 2", seconds, 1, 0, 1, 2),
        encore("Encore, pool of 1", seconds, 1, 0, 1, 1),
    ]
    interleave(workers, rounds)
    print(table(head("rejax"), rows(workers, peer, [1.3, None, None, None, None])), flush=True)


def many_seeds(python: str | None, rounds: int, seconds: float) -> None:
    """Print the second table."""
    print(f"\n{SEEDS} seeds, {rounds} rounds of about {seconds:g} s, in turn\n")
    vmapped = encore("Encore, width 8, one device", seconds, SEEDS, SEEDS, 1)
    workers = [
        encore("Encore, width 1, two devices", seconds, SEEDS, 1, 2),
        encore("Encore, width 4, two devices", seconds, SEEDS, 4, 2),
        encore("Encore, width 1, one device", seconds, SEEDS, 1, 1),
        vmapped,
        rejax("rejax, vmapped", python, seconds, SEEDS),
    ]
    interleave(workers, rounds)
    print(
        table(head("vmapped on one device"), rows(workers, vmapped, [1.8, 1.8, None, None, None]))
    )


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rejax-python", default=os.environ.get("REJAX_PYTHON"), metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--only", choices=["one", "many"], help="one seed, or eight [both]")
    options = parser.parse_args()
    print(machine())
    if options.only != "many":
        one_seed(options.rejax_python, options.rounds, options.seconds)
    if options.only != "one":
        many_seeds(options.rejax_python, options.rounds, options.seconds)


if __name__ == "__main__":
    main()

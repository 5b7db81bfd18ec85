"""Who is measured against whom, and the table of who is how fast."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping, Sequence

from benchmarks.spread import median_and_range, ratios, verdict
from benchmarks.table import table
from benchmarks.worker import ROOT, Worker, interleave

PEERS = ROOT / "benchmarks" / "peers"


def encore(
    title: str,
    name: str,
    settings: Mapping[str, object],
    seconds: float,
    *,
    members: int = 1,
    width: int = 0,
    devices: int = 1,
    pool: int = 0,
    all_cores: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Worker:
    """A named experiment of Encore; a pool of another size than Encore's has other bits."""
    command = ["-m", "benchmarks.peers.encore_program", name, "--seconds", str(seconds)]
    command += ["--members", str(members), "--width", str(width), "--devices", str(devices)]
    command += ["--pool", str(pool)] if pool else []
    command += ["--all-cores"] if all_cores else []
    command += ["--set", *(f"{field}={value!r}" for field, value in settings.items())]
    return Worker(title, sys.executable, command, environment)


def peer(title: str, python: str | None, script: str, *options: object, pool: int = 0) -> Worker:
    """A script of `benchmarks/peers`, with XLA's pool as it comes or of a given size."""
    command = [str(PEERS / script), *(str(option) for option in options)]
    return Worker(title, python, command, {"NPROC": str(pool)} if pool else None)


def plain(title: str, *options: object) -> Worker:
    """The yardstick, in this environment."""
    command = ["-m", "benchmarks.peers.plain_ppo", *(str(option) for option in options)]
    return Worker(title, sys.executable, command)


def head(against: str) -> list[str]:
    """The head of a table that compares with `against`."""
    return ["who", "version", "environment steps/s", f"× {against}", "goal", "first step, s"]


def rows(workers: Sequence[Worker], against: Worker, goals: Mapping[str, float]) -> list[list[str]]:
    """A line a worker: its rate, how it stands to that of `against`, and its goal by its name."""
    lines = []
    for worker in workers:
        if worker.reason:
            lines.append([worker.name, "—", worker.reason, "—", "—", "—"])
            continue
        compared = ratios(worker.rates, against.rates) if against.rates else []
        goal = goals.get(worker.name)
        judged = f"≥ {goal:g}: {verdict(compared, goal)}" if goal else "—"
        rate, ratio = median_and_range(worker.rates), median_and_range(compared)
        lines.append([worker.name, worker.what, rate, ratio, judged, f"{worker.first_seconds:.1f}"])
    return lines


def show_against_best(
    title: str, workers: list[Worker], goal: float, items: str, rounds: int
) -> None:
    """Measure, and print a table of how Encore stands to each."""
    interleave(workers, rounds)
    ours, others = workers[0], [worker for worker in workers[1:] if worker.rates]
    best = max(others, key=lambda worker: statistics.median(worker.rates), default=None)
    head = ["who", "version", f"{items}/s", "Encore is × as fast", "goal", "first step, s"]
    lines = []
    for worker in workers:
        if not worker.rates or not ours.rates:
            lines += rows([worker], worker, {})
            continue
        # Encore over the peer, where `rows` has a worker over another: so both are exchanged.
        (line,) = rows([ours], worker, {ours.name: goal} if worker is best else {})
        (own,) = rows([worker], worker, {})
        lines.append([worker.name, worker.what, own[2], line[3], line[4], own[5]])
    print(f"\n{title}, {rounds} rounds in turn\n\n{table(head, lines)}", flush=True)


def arguments(description: str | None, questions: Sequence[str]) -> argparse.Namespace:
    """What every benchmark here is told: the peers' interpreters, rounds, and which table."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    of = "interpreter of an environment with"
    parser.add_argument(
        "--rejax-python", default=os.environ.get("REJAX_PYTHON"), metavar="PYTHON",
        help=f"{of} rejax [REJAX_PYTHON]",
    )  # fmt: skip
    parser.add_argument(
        "--stable-python", default=os.environ.get("STABLE_PYTHON"), metavar="PYTHON",
        help=f"{of} stable-baselines3 and sbx [STABLE_PYTHON]",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--only", choices=questions, nargs="+", default=list(questions))
    return parser.parse_args()


def library_arguments(description: str | None, questions: Sequence[str]) -> argparse.Namespace:
    """What benchmarks against PyTorch and Keras are given: interpreters, rounds, questions."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pytorch", default=os.environ.get("PYTORCH_PYTHON"), metavar="PYTHON")
    parser.add_argument("--keras", default=os.environ.get("KERAS_PYTHON"), metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--only", choices=questions, nargs="+", default=list(questions))
    return parser.parse_args()

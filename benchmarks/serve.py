"""Requests a second of `serve` against a plain Flask + JAX handler, with many clients at once.

    python -m benchmarks.serve --flask FLASK/bin/python

Both serve the same untrained model, one row a request, from processes of their own; the clients
are a third. All share this machine's cores; what a server has had of them is shown, too. An answer
that is not, byte for byte, the one that the same server gives when nobody else asks ends the
benchmark, and so does a lost request. The environment variable FLASK_PYTHON stands for the option.
Compilation is timed apart.
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.rivals import PEERS, show_against_best
from benchmarks.spread import median_and_range, ratios
from benchmarks.table import machine, table
from benchmarks.worker import Worker

MODELS = {
    "vision/digits_cnn": ("image", (8, 8, 1), 16),
    "vision/fashion_mnist_cnn": ("image", (28, 28, 1), 255),
    "sequence/lstm_ten_steps": ("values", (50, 1), 1),
}
"""Experiment -> its input, the shape of a row, and the largest number that is asked."""
GOAL = 3.0
SAME = 1e-5
"""How far probabilities may be apart that another program computes."""
THREADS = (4, 16)
"""Of waitress: its default, and more."""


def measure(name: str, options: argparse.Namespace) -> None:
    """Measure one model and print its table."""
    taken, shape, most = MODELS[name]
    load = [str(PEERS / "http_load.py"), "--clients", str(options.clients), "--input", taken]
    load += ["--seconds", str(options.seconds), "--most", str(most), "--shape", *map(str, shape)]
    encore = [sys.executable, "-m", "benchmarks.peers.encore_serving", name]
    workers = [Worker("Encore", sys.executable, [*load, "--", *encore])]
    for threads in THREADS:
        flask = ["-m", "benchmarks.peers.flask_serving", name, str(threads)]
        command = [*load, "--", options.flask or "", *flask]
        python = sys.executable if options.flask else None
        workers.append(Worker(f"Flask + JAX, {threads} threads", python, command))
    title = f"{name}, {options.clients} clients"
    show_against_best(title, workers, GOAL, "requests", options.rounds)
    costs = [[float(one["microseconds"]) for one in worker.answers] for worker in workers]
    lines = [
        [worker.name, median_and_range(cost), median_and_range(ratios(cost, costs[0]))]
        for worker, cost in zip(workers, costs, strict=True)
        if cost and costs[0]
    ]
    print(f"\n{table(['who', 'processor µs a request', '× Encore'], lines)}", flush=True)
    outputs = [worker.answers[0]["outputs"] for worker in workers if worker.rates]
    for other in outputs[1:]:
        pairs = [(outputs[0][key][0], other[key][0]) for key in outputs[0]]
        apart = max(abs(a - b) for ours, its in pairs for a, b in zip(ours, its, strict=True))
        if apart > SAME:
            raise SystemExit(f"{name}: the servers' answers are {apart:g} apart")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--flask", default=os.environ.get("FLASK_PYTHON"), metavar="PYTHON")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--only", choices=MODELS, nargs="+", default=list(MODELS))
    options = parser.parse_args()
    print(machine())
    for name in options.only:
        measure(name, options)


if __name__ == "__main__":
    main()

"""Training throughput of `vision/fashion_mnist_cnn`'s net against PyTorch, Keras and plain flax.

    python -m benchmarks.vision --pytorch TORCH/bin/python --keras KERAS/bin/python

Each peer is a process of its own, in an environment of its own, that is asked for rounds in turn:
all peers see the same moments of the machine. The ratio is the median over rounds of Encore's rate
divided by the peer's in the same round; compilation is timed apart. Leave the machine alone while
it runs. The environment variables PYTORCH_PYTHON and KERAS_PYTHON stand for the two options.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.spread import median_and_range, ratios
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave

HERE = Path(__file__).resolve().parent


class Peer(NamedTuple):
    """Who is measured.

    Attributes:
        name: in the table.
        python: the interpreter of its environment; None where none was named.
        command: what it runs.
    """

    name: str
    python: str | None
    command: Sequence[str]


def peers(pytorch: str | None, keras: str | None) -> list[Peer]:
    """Encore three times over, and the others."""
    encore = ["-m", "benchmarks.peers.encore_net"]
    scripts = HERE / "peers"
    return [
        Peer("Encore", sys.executable, encore),
        Peer("Encore, 8 groups", sys.executable, [*encore, "--groups", "8"]),
        Peer("Encore, plain convolutions", sys.executable, [*encore, "--plain"]),
        Peer("PyTorch", pytorch, [str(scripts / "pytorch_net.py")]),
        Peer("Keras", keras, [str(scripts / "keras_net.py")]),
        Peer("flax", sys.executable, [str(scripts / "flax_net.py")]),
    ]


def measure(batch: int, rounds: int, seconds: float, who: Sequence[Peer]) -> list[list[str]]:
    """The table's lines for one size of batch; ratios are Encore's rate over the peer's."""
    sizes = ["--batch", str(batch), "--seconds", str(seconds)]
    workers = [Worker(peer.name, peer.python, [*peer.command, *sizes]) for peer in who]
    interleave(workers, rounds)
    lines = []
    for worker in workers:
        if worker.reason:
            lines.append([worker.name, worker.what or "—", worker.reason, "—", "—"])
            continue
        over = [] if workers[0].reason else ratios(workers[0].rates, worker.rates)
        cells = [median_and_range(worker.rates), median_and_range(over)]
        lines.append([worker.name, worker.what, *cells, f"{worker.first_seconds:.1f}"])
    return lines


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    environment = os.environ.get
    parser.add_argument("--pytorch", default=environment("PYTORCH_PYTHON"), metavar="PYTHON")
    parser.add_argument("--keras", default=environment("KERAS_PYTHON"), metavar="PYTHON")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="peers whose names hold a word")
    options = parser.parse_args()
    who = peers(options.pytorch, options.keras)
    if options.only:
        words = [word.lower() for word in options.only]
        who = who[:1] + [p for p in who[1:] if any(word in p.name.lower() for word in words)]
    print(machine())
    for batch in options.batches:
        print(f"\nBatch {batch}, {options.rounds} rounds of about {options.seconds:g} s, in turn\n")
        head = ["peer", "version", "images/s", "Encore is × as fast", "first step, s"]
        print(table(head, measure(batch, options.rounds, options.seconds, who)), flush=True)


if __name__ == "__main__":
    main()

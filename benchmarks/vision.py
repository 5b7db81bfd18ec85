"""Training throughput of `vision/fashion_mnist_cnn`'s net against PyTorch, Keras and plain flax.

    python -m benchmarks.vision --pytorch TORCH/bin/python --keras KERAS/bin/python

Each peer is a process of its own, in an environment of its own, that is asked for rounds in turn:
all peers see the same moments of the machine. The ratio is the median over rounds of Encore's rate
divided by the peer's in the same round; compilation is timed apart. Leave the machine alone while
it runs. The environment variables PYTORCH_PYTHON and KERAS_PYTHON stand for the two options.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import machine, table

HERE = Path(__file__).resolve().parent
REST_SECONDS = 0.5
"""Between two peers' rounds, so that threads that wait by spinning have gone to sleep."""


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


class Running:
    """A peer's process, ready for rounds; `reason` where it is not."""

    def __init__(self, peer: Peer, batch: int, seconds: float) -> None:
        self.peer = peer
        self.rates: list[float] = []
        self.what, self.first_seconds, self.reason = "", 0.0, ""
        self._process: subprocess.Popen[str] | None = None
        if peer.python is None:
            self.reason = "not installed"
            return
        self._process = subprocess.Popen(
            [peer.python, *peer.command, "--batch", str(batch), "--seconds", str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=HERE.parent,
        )
        answer = self._read()
        if "ready" in answer:
            self.what, self.first_seconds = str(answer["ready"]), float(answer["first_seconds"])

    def round(self) -> None:
        """Ask for one round and keep its rate."""
        if self._process is None or self.reason:
            return
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        answer = self._read()
        if not self.reason:
            self.rates.append(float(answer["images_per_second"]))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()

    def _read(self) -> dict[str, object]:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, object] = json.loads(line)
                return answer
        error = self._process.communicate()[1].strip().splitlines()
        last = error[-1] if error else f"exit code {self._process.returncode}"
        missing = last.startswith("ModuleNotFoundError")
        self.reason = "not installed" if missing else last
        return {}


def peers(pytorch: str | None, keras: str | None) -> list[Peer]:
    """Encore three times over, and the others."""
    encore = ["-m", "benchmarks.peers.encore_net"]
    scripts = HERE / "peers"
    return [
        Peer("Encore, Winograd blocks", sys.executable, [*encore, "--layers", "block"]),
        Peer("Encore, plain convolutions", sys.executable, [*encore, "--layers", "plain"]),
        Peer("PyTorch", pytorch, [str(scripts / "pytorch_net.py")]),
        Peer("Keras", keras, [str(scripts / "keras_net.py")]),
        Peer("flax", sys.executable, [str(scripts / "flax_net.py")]),
    ]


def rows(running: Sequence[Running]) -> list[list[str]]:
    """A line a peer; ratios are Encore's rate over the peer's, round by round."""
    first = running[0]
    lines = []
    for peer in running:
        if peer.reason or not peer.rates:
            lines.append([peer.peer.name, peer.what or "—", peer.reason, "—", "—", "—"])
            continue
        ratios = sorted(a / b for a, b in zip(first.rates, peer.rates, strict=True))
        rates = sorted(peer.rates)
        lines.append(
            [
                peer.peer.name,
                peer.what,
                f"{statistics.median(rates):.0f}",
                f"{rates[0]:.0f}–{rates[-1]:.0f}",
                f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})",
                f"{peer.first_seconds:.1f}",
            ]
        )
    return lines


def measure(batch: int, rounds: int, seconds: float, who: Sequence[Peer]) -> list[list[str]]:
    """The table's lines for one size of batch."""
    running = [Running(peer, batch, seconds) for peer in who]
    try:
        for number in range(rounds):
            # Each round begins with another peer, so that none always follows the same one.
            turn = number % len(running)
            for peer in [*running[turn:], *running[:turn]]:
                time.sleep(REST_SECONDS)
                peer.round()
        return rows(running)
    finally:
        for peer in running:
            peer.close()


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
        head = ["peer", "version", "images/s", "range", "Encore is × as fast", "first step, s"]
        print(table(head, measure(batch, options.rounds, options.seconds, who)), flush=True)


if __name__ == "__main__":
    main()

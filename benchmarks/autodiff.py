"""Encore's forward and reverse mode in NumPy against HIPS autograd and micrograd.

    python -m benchmarks.autodiff --peers PEERS/bin/python

Derivatives a second, the function evaluated anew each time. `arrays`, against autograd: a net
64-16-10 on 64 images, the likelihood of a Gaussian mixture, Rosenbrock's function of 10,000
numbers, and a recurrence of 200 steps on arrays of 14; gradients by reverse mode, and a derivative
along one direction by forward mode. `scalars`, against micrograd: a chain of 800 operations on
numbers, and micrograd's own example, a net 2-16-16-1 on 20 points. Each peer is a process of its
own, of one thread, that is asked for rounds in turn; ratios are made within a round. Seconds are
the processor's: what else the machine does is not counted, but it disturbs caches. The environment
variable GRADIENTS_PYTHON stands for the option.
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.peers.gradient_programs import ARRAYS, SCALARS
from benchmarks.rivals import PEERS
from benchmarks.spread import median_and_range, ratios, verdict
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
GOALS = {"autograd": 1.0, "micrograd": 3.0}
QUESTIONS = {
    "arrays": ("autograd", ARRAYS, ("reverse", "forward")),
    "scalars": ("micrograd", SCALARS, ("reverse",)),
}


def measure(peer: str, program: str, mode: str, options: argparse.Namespace) -> list[str]:
    """A line: how many derivatives a second, and how Encore stands to the peer."""
    words = [program, "--mode", mode, "--seconds", str(options.seconds)]
    script = [str(PEERS / f"{peer}_gradients.py"), *words]
    ours = Worker(
        "Encore", sys.executable, ["-m", "benchmarks.peers.encore_gradients", *words], ONE_THREAD
    )
    theirs = Worker(peer, options.peers, script, ONE_THREAD)
    interleave([ours, theirs], options.rounds)
    compared = ratios(ours.rates, theirs.rates) if ours.rates and theirs.rates else []
    goal = GOALS[peer]
    return [
        f"{program}, {mode}",
        median_and_range(ours.rates) if not ours.reason else ours.reason,
        median_and_range(theirs.rates) if not theirs.reason else theirs.reason,
        theirs.what or peer,
        median_and_range(compared),
        f"≥ {goal:g}: {verdict(compared, goal)}",
    ]


def main() -> None:
    """Measure and print a table a question."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--peers", default=os.environ.get("GRADIENTS_PYTHON"), metavar="PYTHON",
        help="interpreter of an environment with autograd and micrograd [GRADIENTS_PYTHON]",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="about the length of a round")
    parser.add_argument("--only", choices=QUESTIONS, nargs="+", default=list(QUESTIONS))
    options = parser.parse_args()
    print(machine())
    head = ["what", "Encore, a second", "peer, a second", "peer", "Encore is × as fast", "goal"]
    for question in options.only:
        peer, programs, modes = QUESTIONS[question]
        lines = [measure(peer, name, mode, options) for name in programs for mode in modes]
        print(f"\n{question}, {options.rounds} rounds in turn\n\n{table(head, lines)}", flush=True)


if __name__ == "__main__":
    main()

"""One core, all cores, and the choice by measure: steps a second of runs as users launch them.

    python -m benchmarks.cores

The same steps of the same run, on one core, on all, and with `--cores auto`, whose measuring is
counted. All take turns in one process, round by round, and must end with one digest. Compilation
and the first half second are not timed. Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from benchmarks.launched import ALL_CORES, timed
from benchmarks.loop import LONG
from benchmarks.ppo import settings
from benchmarks.spread import median_and_range, ratios
from benchmarks.table import machine, table
from research.engine import compilation_cache, ledger
from research.engine.environment import settle_environment
from research.engine.program import Program
from research.options.assembly import Delivery, open_experiment
from research.options.catalog import ROOT, catalog, load, resolve

PROGRAMS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "PPO 4 × 128": ("rl/cartpole_ppo", settings(4)),
    "PPO 64 × 128": ("rl/cartpole_ppo", settings(64)),
    "sine_rnn": ("sequence/sine_rnn", LONG["sequence/sine_rnn"]),
    "digits_cnn": ("vision/digits_cnn", LONG["vision/digits_cnn"]),
}
WAYS = {"one core": 1, "all cores": ALL_CORES, "by measure": None}


def steps_in(program: Program, seconds: float) -> int:
    """About how many steps are made in so many seconds."""
    carry, steps, took = program.initial(0), 1, 0.0
    arrays = next(iter(program.windows(0, 0, 1))).arrays
    carry = program.advance(carry, arrays, 0, 1, fresh=True, halt=False)
    while took < 1:
        began, steps = time.perf_counter(), 2 * steps
        carry = program.advance(carry, arrays, 0, steps, fresh=True, halt=False)
        jax.block_until_ready(carry)
        took = time.perf_counter() - began
    return max(2, round(seconds * steps / took))


def measure(title: str, rounds: int, seconds: float, place: Path) -> list[str]:
    """One program's line."""
    name, fields = PROGRAMS[title]
    named = load(resolve(name, catalog()))
    with open_experiment(
        named, dataclasses.replace(named.config, **fields), Delivery("resident"), ROOT
    ) as ready:
        items = ready.experiment.items_per_step

        def rate(way: str, number: int, until: int) -> tuple[float, str]:
            directory = place / f"{way}-{number}"
            watch = timed(ready.program, directory, ready.surroundings, until, cores=WAYS[way])
            last = max(ledger.read(directory / "ledger.jsonl").saves().items())[1]
            return items * watch.steps_per_second(), last["digest"]

        until = steps_in(ready.program, seconds)
        rates: dict[str, list[float]] = {way: [] for way in WAYS}
        digests = set()
        for number in range(rounds):
            turn = number % len(WAYS)
            for way in [*WAYS][turn:] + [*WAYS][:turn]:
                found, digest = rate(way, number, until)
                rates[way].append(found)
                digests.add(digest)
    return [
        title,
        median_and_range(rates["all cores"]),
        *(median_and_range(ratios(rates[way], rates["all cores"])) for way in WAYS
          if way != "all cores"),
        "one" if len(digests) == 1 else "DIFFERENT",
    ]  # fmt: skip


def main() -> None:
    """Measure and print a table."""
    settle_environment()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=PROGRAMS, default=[*PROGRAMS], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="about the length of a round")
    options = parser.parse_args()
    compilation_cache.enable(print)
    print(machine(), flush=True)
    head = ["program", "items/s on all cores", "one core ×", "by measure ×", "digests"]
    with tempfile.TemporaryDirectory() as place:
        lines = [
            measure(title, options.rounds, options.seconds, Path(place, title))
            for title in options.only
        ]
    print(f"\n{options.rounds} rounds of about {options.seconds:g} s\n")
    print(table(head, lines))


if __name__ == "__main__":
    main()

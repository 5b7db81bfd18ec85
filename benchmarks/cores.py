"""One core, all cores, and the choice by measure: steps a second of runs as users launch them.

    python -m benchmarks.cores

The same steps of the same run, on one core, on all, and with `--cores auto`, whose measuring is
counted. All take turns in one process, round by round, and must end with one digest. Compilation
and the first half second are not timed. Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.launched import ALL_CORES, timed
from benchmarks.loop import LONG
from benchmarks.ppo import settings
from benchmarks.spread import median_and_range, ratios
from benchmarks.table import machine, table
from research.cli.catalog import ROOT, catalog, load, resolve
from research.cli.opening import opened
from research.engine import compilation_cache, ledger
from research.engine.environment import fix_pool

PROGRAMS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "PPO 4 × 128": ("rl/cartpole_ppo", settings(4)),
    "PPO 64 × 128": ("rl/cartpole_ppo", settings(64)),
    "sine_rnn": ("sequence/sine_rnn", LONG["sequence/sine_rnn"]),
    "digits_cnn": ("vision/digits_cnn", LONG["vision/digits_cnn"]),
}
WAYS = {"one core": 1, "all cores": ALL_CORES, "by measure": None}


def measure(title: str, rounds: int, seconds: float, place: Path) -> list[str]:
    """One program's line."""
    name, fields = PROGRAMS[title]
    named = load(resolve(name, catalog()))
    with opened(named, named.config(**fields), "resident", ROOT) as ready:

        def rate(way: str, number: int, until: int) -> tuple[float, str]:
            directory = place / f"{way}-{number}"
            watch = timed(ready.program, directory, ready.surroundings, until, cores=WAYS[way])
            last = max(ledger.read(directory / "ledger.jsonl").saves().items())[1]
            items = ready.experiment.items_per_step
            return items * watch.steps_per_second(), last["digest"]

        # Calibrated twice: the first guess is of a start.
        guess = rate("all cores", -1, max(2, 40_000 // ready.experiment.items_per_step))[0]
        guess = rate("all cores", -2, max(2, round(2 * guess / ready.experiment.items_per_step)))[0]
        until = max(2, round(seconds * guess / ready.experiment.items_per_step))
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
    fix_pool()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=PROGRAMS, default=[*PROGRAMS], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="about the length of a round")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
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

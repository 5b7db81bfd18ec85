"""How long a first result takes, and where the time before the first update goes.

    python -m benchmarks.first_result --tree OTHER

First table: whole commands, from typing `run NAME` to its result, each in a new runs directory;
with `--tree` those of another checkout of Encore in turn. Second table: its beginning taken apart,
seconds of wall time and, in brackets, of the processor: importing JAX; opening the experiment (its
imports, and its data from a warm cache); `shapes`, what tracing for the program's shapes takes;
`initial` and `advance`, each traced, compiled and called for the first time; `evaluate`, the first
split that is watched, compiled; and how many milliseconds an update takes after that. The compiler
uses all cores, so that the processor's seconds can be more than those of the wall; they are what
can be compared where something else runs beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["vision/digits_cnn", "rl/cartpole_ppo", "sequence/sine_rnn"]
STAGES = ["jax", "open", "shapes", "initial", "advance", "evaluate"]
UPDATES = 20


def take_apart(name: str) -> dict[str, Any]:
    """The stages of a run's beginning in this process: wall and processor seconds of each."""
    seconds: dict[str, tuple[float, float]] = {}
    marks = time.perf_counter(), time.process_time()

    def mark(stage: str) -> None:
        nonlocal marks
        now = time.perf_counter(), time.process_time()
        seconds[stage] = now[0] - marks[0], now[1] - marks[1]
        marks = now

    from research.engine.environment import fix_pool

    fix_pool()
    import jax

    jax.devices()
    mark("jax")
    from research.data.feed import open_feed
    from research.engine.program import Program
    from research.options.catalog import catalog, load, resolve

    named = load(resolve(name, catalog(Path.cwd())))
    experiment = named.make(named.config)
    feed = open_feed(experiment.data)
    try:
        feed.digests()
        mark("open")
        program = Program(experiment, feed)
        mark("shapes")
        carry = jax.block_until_ready(program.initial(0))
        mark("initial")
        window = next(iter(program.windows(0, 0, UPDATES + 1)))

        def advance(start: int, stop: int) -> None:
            nonlocal carry
            advanced = program.advance(carry, window.arrays, start, stop, fresh=True, halt=True)
            carry = jax.block_until_ready(advanced)

        advance(0, 1)
        mark("advance")
        advance(1, window.stop)
        mark("updates")
        program.evaluate(carry, experiment.watched[0], window.stop)
        mark("evaluate")
    finally:
        feed.close()
    return {"seconds": seconds, "updates": window.stop - 1}


class Ended(NamedTuple):
    """A process that came to its end: seconds of wall time and of the processor; its output."""

    wall: float
    processor: float
    output: str


def python_of(tree: Path, *arguments: str) -> Ended:
    """A command of Python's in a checkout.

    Raises:
        RuntimeError: it failed.
    """
    # A first result: nothing has been compiled before.
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false", "PYTHONPATH": str(tree)}
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True
    )
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    used = after.children_user + after.children_system
    return Ended(wall, used - before.children_user - before.children_system, done.stdout)


def whole_run(tree: Path, name: str) -> Ended:
    """A run from its command to its result."""
    with tempfile.TemporaryDirectory() as runs:
        return python_of(tree, "launch.py", "run", name, "--runs-dir", runs, "--json")


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--names", nargs="*", default=NAMES)
    parser.add_argument("--tree", type=Path, help="another checkout, to be compared with")
    parser.add_argument("--whole", nargs="*", default=NAMES[:1], help="those run to their end")
    parser.add_argument("--apart", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart:
        print(json.dumps(take_apart(options.apart)))
        return
    from benchmarks.spread import median_and_range, ratios
    from benchmarks.table import machine, table

    trees = [options.tree.resolve(), ROOT] if options.tree else [ROOT]
    labels = ["before", "now"][-len(trees) :]
    print(machine())
    print(f"\n{options.rounds} launches of each, in turn; median (least–greatest)\n", flush=True)
    lines = []
    for name in options.whole:
        runs = [[whole_run(tree, name) for tree in trees] for _ in range(options.rounds)]
        for i, label in enumerate(labels):
            wall, processor = [of[i].wall for of in runs], [of[i].processor for of in runs]
            cells = [median_and_range(wall), median_and_range(processor), "—", "—"]
            if i:
                cells[2] = median_and_range(ratios(wall, [of[0].wall for of in runs]))
                cells[3] = median_and_range(ratios(processor, [of[0].processor for of in runs]))
            lines.append([name, label, *cells, json.loads(runs[0][i].output)["digest"][:8]])
    head = ["run", "", "s", "s of the processor", "× before", "× before, processor", "digest"]
    print(table(head, lines), "\n", flush=True)
    lines = []
    for name in options.names:
        apart: list[list[dict[str, Any]]] = [[] for _ in trees]
        for _ in range(options.rounds):
            for i, tree in enumerate(trees):
                script = str(Path(__file__).resolve())
                apart[i].append(json.loads(python_of(tree, script, "--apart", name).output))
        for label, found in zip(labels, apart, strict=True):
            middle = [sorted(one["seconds"][s] for one in found)[len(found) // 2] for s in STAGES]
            update = [1000 * one["seconds"]["updates"][0] / one["updates"] for one in found]
            stages = [f"{wall:.2f} ({processor:.2f})" for wall, processor in middle]
            lines.append([name, label, *stages, median_and_range(update)])
    print(table(["experiment", "", *STAGES, "ms an update"], lines))


if __name__ == "__main__":
    main()

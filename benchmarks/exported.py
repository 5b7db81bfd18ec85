"""What a trained model takes once it has left Encore, against the same model in JAX.

    python -m benchmarks.exported digits_cnn cartpole_ppo --browser PYTHON

Each finished run is exported to every form, and then asked by a process for each: the run's own
state by a jitted function, StableHLO and ONNX by the `load.py` of their folders, and the page in
headless Chromium, which playwright drives from the environment that `--browser` is the interpreter
of (BROWSER_PYTHON). A cold start is from a process's start, or the opening of the page, to the
first answer. Every call has the same drawn inputs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rivals import PEERS
from benchmarks.spread import median_and_range, ratios
from benchmarks.table import machine, table
from benchmarks.worker import ROOT, Worker, interleave

FORMS = ("stablehlo", "onnx", "web")
ROWS = (1, 32)
HEAD = (
    "who",
    "version",
    *(f"ms for {rows}, × JAX" for rows in ROWS),
    "model, KiB",
    "cold start, s",
)


def export(run: str, runs_dir: str, form: str, folder: Path) -> None:
    """Export a run as a user does."""
    words = ["export", run, str(folder), "--to", form, "--runs-dir", runs_dir]
    done = subprocess.run(
        [sys.executable, "launch.py", *words], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{run} was not exported to {form}:\n{done.stdout}{done.stderr}")


def start(
    run: str, folders: dict[str, Path], rows: int, options: argparse.Namespace
) -> list[Worker]:
    """A process for each way to ask a model."""

    def ask(form: str, *script: str) -> list[str]:
        words = ["--rows", str(rows), "--seconds", str(options.seconds)]
        return [*script, str(folders[form]), *words, "--started", str(time.time())]

    native = ask("stablehlo", "-m", "benchmarks.peers.native_model")
    native += ["--run", run, "--runs-dir", options.runs_dir]
    exported = str(PEERS / "exported_model.py")
    return [
        Worker("JAX, jitted", sys.executable, native),
        Worker("StableHLO in JAX", sys.executable, ask("stablehlo", exported)),
        Worker("ONNX Runtime", sys.executable, ask("onnx", exported)),
        Worker("ONNX Runtime Web", options.browser, ask("web", str(PEERS / "browser_model.py"))),
    ]


def measure(run: str, options: argparse.Namespace) -> None:
    """Measure one run and print its table."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {form: Path(scratch) / form for form in FORMS}
        for form, folder in folders.items():
            export(run, options.runs_dir, form, folder)
        files = [None, *(next(folders[form].glob("model.*")).stat().st_size for form in FORMS)]
        asked = []
        for rows in ROWS:
            asked.append(start(run, folders, rows, options))
            interleave(asked[-1], options.rounds)
    lines = []
    for number, size in enumerate(files):
        workers = [each[number] for each in asked]
        if any(worker.reason for worker in workers):
            why = next(worker.reason for worker in workers if worker.reason)
            lines.append([workers[0].name, why, *["—"] * (len(HEAD) - 2)])
            continue
        cells = []
        for worker, native in zip(workers, (each[0] for each in asked), strict=True):
            took = [1000 / rate for rate in worker.rates]
            longer = median_and_range(ratios(native.rates, worker.rates))
            cells.append(f"{median_and_range(took)}, {longer}")
        kept = "—" if size is None else f"{size / 1024:.0f}"
        begun = f"{min(worker.first_seconds for worker in workers):.2f}"
        lines.append([workers[0].name, workers[0].what, *cells, kept, begun])
    print(f"\n{run}, {options.rounds} rounds in turn\n\n{table(HEAD, lines)}", flush=True)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", nargs="+", help="a finished run, as `export` takes it")
    parser.add_argument("--runs-dir", default="runs")
    parser.add_argument("--browser", default=os.environ.get("BROWSER_PYTHON"), metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="about the length of a round")
    options = parser.parse_args()
    print(machine())
    for run in options.run:
        measure(run, options)


if __name__ == "__main__":
    main()

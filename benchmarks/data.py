"""Loading data against tf.data, PyTorch's DataLoader, grain, webdataset, litdata, polars and Arrow.

    python -m benchmarks.data --peers PATH

PATH is the interpreter of an environment with the peers (benchmarks/README.md). All read the same
examples, each in the format that it is made for, from files that the system has in memory, and
give batches of 128 (pictures in JPEG: 32), decoded and shuffled, in host memory. Encore shuffles
the whole epoch; what has a shuffle buffer has one of 10,000. Encore reads by two threads, loaders
in Python by two processes, tf.data by as many threads as it thinks best.

"first batch" is from opening the files, all imports done, to the first batch; Encore then reads all
files once and makes their index. "again" is the same when that, compiled programs and the like are
there. "resume" is from nothing to the first batch of the middle of an epoch. "memory" is of all
processes of a loader. Encore "decoded" reads from the arrays that `load` keeps in the cache;
tf.data's `cache()` keeps them in memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import data_files
from benchmarks.rivals import peer
from benchmarks.spread import median_and_range, ratios, spell, verdict
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave

PYTHON = ("torch", "grain", "webdataset", "litdata")
TITLES = {
    "texts": "TFRecord, texts of .9 to 1.7 kB and a label",
    "pictures": "TFRecord, pictures of 28 x 28 bytes and a label",
    "fixed": "fixed length, CIFAR-10's 3,073 bytes a record",
    "csv": "CSV, nine numbers a row",
    "array_record": "ArrayRecord, texts of .9 to 1.7 kB",
    "jpeg": "JPEG, a folder of pictures of 192 x 192",
}
TRAINED = {"vision/fashion_mnist_cnn": 0.95, "vision/mnist_mlp": 0.95}
"""Experiment -> how fast streamed training should be, resident training being 1."""
PARTS = (*TITLES, "training", "resume")


class Loader:
    """A worker, and what Encore should be against it: so many times as fast, or None."""

    def __init__(self, worker: Worker, goal: float | None = None) -> None:
        self.worker = worker
        self.goal = goal


def loaders(part: str, folder: Path, options: argparse.Namespace) -> list[Loader]:
    """Encore first, and whom it is compared with."""
    batch = 32 if part == "jpeg" else 128
    common = [part, folder, "--batch", batch, "--seconds", options.seconds]
    common += ["--records", int(data_files.COUNTS[part] * options.scale)]

    def encore(title: str, *more: str) -> Loader:
        command = ["-m", "benchmarks.peers.encore_data", *map(str, common), *more]
        place = {"ENCORE_CACHE_DIR": str(folder / title.replace(" ", "_"))}
        return Loader(Worker(title, sys.executable, command, place))

    def other(title: str, script: str, goal: float | None, *more: str) -> Loader:
        return Loader(peer(title, options.peers, script, *common, *more), goal)

    def in_python(goal: float | None, *names: str) -> list[Loader]:
        return [other(name, "python_data.py", goal, "--loader", name) for name in names]

    def bound(library: str, goal: float | None) -> Loader:
        return other(f"{library} alone", "bound_data.py", goal, "--library", library)

    found = [encore("Encore")]
    if part in ("texts", "pictures"):
        found += [other("tf.data", "tensorflow_data.py", 1.0), *in_python(5.0, *PYTHON)]
        found += [encore("Encore, decoded", "--cached")]
        found += [other("tf.data, cache()", "tensorflow_data.py", None, "--cached")]
    elif part == "fixed":
        found += [other("tf.data", "tensorflow_data.py", 3.0), *in_python(None, "torch")]
    elif part == "csv":
        found += [other("tf.data", "tensorflow_data.py", 1.0)]
        for name in ("polars", "pyarrow"):
            found.append(other(name, "table_data.py", 1.0, "--loader", name))
    elif part == "array_record":
        found += [other("grain", "python_data.py", None, "--loader", "grain", "--workers", "0")]
        found += [bound("array_record", None)]
    else:
        found += [other("tf.data", "tensorflow_data.py", None), *in_python(None, "torch")]
        found += [bound(name, 0.95 if name == "simplejpeg" else None)
                  for name in ("Pillow", "OpenCV", "simplejpeg")]  # fmt: skip
    return found


def show_loading(part: str, options: argparse.Namespace) -> None:
    """Make the files of a part, measure, and print its table."""
    with tempfile.TemporaryDirectory(dir=options.folder) as above:
        folder = Path(above)
        data_files.make(part, folder, options.scale)
        found = loaders(part, folder, options)
        interleave([each.worker for each in found], options.rounds)
    ours = found[0].worker
    head = ["who", "version", "records/s", "Encore is × as fast", "goal", "processor µs a record",
            "memory, MB", "first batch, again, s", "resume, s"]  # fmt: skip
    lines = []
    for each in found:
        worker = each.worker
        if not worker.rates or not ours.rates:
            lines.append([worker.name, worker.what, worker.reason or "—", *"—" * 6])
            continue
        compared = ratios(ours.rates, worker.rates) if worker is not ours else []
        goal = f"≥ {each.goal:g}: {verdict(compared, each.goal)}" if each.goal else "—"
        last = worker.answers[-1]
        costs = [float(answer["microseconds"]) for answer in worker.answers]
        resume = "—" if last["resume"] is None else spell(last["resume"], 2)
        first = f"{spell(worker.first_seconds, 2)}, {spell(last['again'], 2)}"
        memory = f"{max(answer['memory'] for answer in worker.answers) / 1e6:.0f}"
        rate, ratio = median_and_range(worker.rates), median_and_range(compared)
        lines.append([worker.name, worker.what, rate, ratio, goal, median_and_range(costs), memory,
                      first, resume])  # fmt: skip
    count = int(data_files.COUNTS[part] * options.scale)
    title = f"{TITLES[part]}; {count:,} records, {options.rounds} rounds in turn"
    print(f"\n{title}\n\n{table(head, lines)}", flush=True)


def show_training(names: Sequence[str], options: argparse.Namespace) -> None:
    """Streamed training against training from memory on the device."""
    lines = []
    for name in names:
        command = ["-m", "benchmarks.peers.encore_fed", name]
        command += ["--seconds", str(options.train_seconds), "--data"]
        resident, streamed = (
            Worker(d, sys.executable, [*command, d]) for d in ("resident", "streamed")
        )
        interleave([resident, streamed], options.rounds)
        if not (resident.rates and streamed.rates):
            lines.append([name, streamed.reason or resident.reason, *"—" * 4])
            continue
        compared, goal = ratios(streamed.rates, resident.rates), TRAINED[name]
        peak = [max(a["peak_memory_bytes"] for a in w.answers) for w in (resident, streamed)]
        lines.append([
            name, median_and_range(resident.rates), median_and_range(streamed.rates),
            median_and_range(compared), f"≥ {goal:g}: {verdict(compared, goal)}",
            " and ".join(f"{one / 1e6:.0f}" for one in peak),
        ])  # fmt: skip
    head = ["experiment", "resident, images/s", "streamed, images/s", "streamed is × as fast",
            "goal", "most memory of each, MB"]  # fmt: skip
    timing = f"{options.rounds} rounds of about {options.train_seconds:g} s, in turn"
    print(f"\nTraining, {timing}\n\n{table(head, lines)}", flush=True)


def show_resume(options: argparse.Namespace) -> None:
    """How soon training goes on in the middle of an epoch of a thousand million records."""
    worker = Worker("Encore", sys.executable, ["-m", "benchmarks.peers.encore_resume"])
    interleave([worker], options.rounds)
    if not worker.answers:
        print(f"\nresume: {worker.reason}")
        return
    seconds = [float(answer["resume"]) for answer in worker.answers]
    grown = max(int(answer["grown"]) for answer in worker.answers)
    head = ["who", "resumes in, s", "goal", "memory for it, MB"]
    goal = f"≤ 1: {verdict(seconds, 1.0, at_most=True)}"
    line = [worker.what, median_and_range(seconds), goal, f"{grown / 1e6:.1f}"]
    title = "Resuming in the middle of an epoch of 1,000,000,000 simulated records"
    print(f"\n{title}\n\n{table(head, [line])}", flush=True)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--peers", default=os.environ.get("DATA_PYTHON"), metavar="PATH",
        help="interpreter of an environment with the peers [DATA_PYTHON]",
    )  # fmt: skip
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), metavar="PART",
                        help=", ".join(PARTS))  # fmt: skip
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.8, help="length of a round of loading")
    parser.add_argument("--train-seconds", type=float, default=3.0, help="of a round of training")
    parser.add_argument("--folder", type=Path, help="where the files are made [temporary]")
    parser.add_argument("--quick", action="store_true", help="a tenth of the records, two rounds")
    options = parser.parse_args()
    options.scale = 0.1 if options.quick else 1.0
    if options.quick:
        options.rounds, options.seconds, options.train_seconds = 2, 0.5, 1.0
    if shutil.disk_usage(options.folder or tempfile.gettempdir()).free < 2**30:
        raise SystemExit("a gigabyte is needed for the files: name another --folder")
    print(machine())
    for part in options.only:
        if part == "training":
            show_training(list(TRAINED), options)
        elif part == "resume":
            show_resume(options)
        else:
            show_loading(part, options)


if __name__ == "__main__":
    main()

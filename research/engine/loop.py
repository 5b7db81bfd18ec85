"""The host loop: advance, evaluate, save, record, show.

When it stops to report, evaluate or save changes no bit of the state. Where a metric of training is
not finite, a loss most often, it keeps what led to it and ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.engine import checkpoint, durable, metrics, record
from research.engine.checkpoint import Facts
from research.engine.cores import Cores
from research.engine.digests import METRICS, Leaves, is_part
from research.engine.directory import NONFINITE, Directories
from research.engine.experiment import Window
from research.engine.interrupts import StopRequest
from research.engine.leaves import Reader
from research.engine.program import Carry, Program
from research.engine.record import Figure, Figures, Observer
from research.engine.saver import Saver
from research.engine.selection import bests_until, better, is_over
from research.engine.waiting import waited_since
from research.errors import EncoreError, Exit

CHUNK_SECONDS = 0.25
"""About how long the device works before the host looks again."""


class Cadence(NamedTuple):
    """Steps between the loop's stops.

    Attributes:
        report_every: steps between lines of metrics.
        evaluate_every: steps between evaluations.
        save_every: steps between checkpoints.
        save_seconds: a checkpoint is made besides when the last is older than this.
        chunk_seconds: about how long the device works before the host looks again.
    """

    report_every: int
    evaluate_every: int
    save_every: int
    save_seconds: float = 30.0
    chunk_seconds: float = CHUNK_SECONDS

    def next_stop(self, step: int, until: int, chunk: int) -> int:
        """The next step at which the loop has something to do, at most `chunk` away."""
        stops = [step + chunk, until]
        for every in (self.report_every, self.evaluate_every, self.save_every):
            stops.append(step - step % every + every)
        return min(stops)


def default_cadence(steps: int, evaluate_every: int) -> Cadence:
    """About fifty reports in a run, a checkpoint at each evaluation."""
    return Cadence(
        report_every=max(1, steps // 50),
        evaluate_every=max(1, evaluate_every),
        save_every=max(1, evaluate_every),
    )


class ChunkSize:
    """How many steps to hand to the device at a time, from the rate so far."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.steps = 1

    def update(self, steps: int, seconds: float) -> None:
        """Add the time of a chunk. Growth is bounded, so that one odd timing does no harm."""
        fitting = int(steps * self._seconds / max(seconds, 1e-6))
        self.steps = max(1, min(fitting, 4 * self.steps))


class Diverged(EncoreError):
    """A metric of training is NaN or infinite."""

    exit_code = Exit.DIVERGED


def nonfinite_leaves(leaves: Leaves) -> dict[str, str]:
    """Path -> what is wrong, of each leaf of the state that holds NaN or infinity."""
    found = {}
    for name, array in leaves.items():
        if is_part(name) and array.dtype.kind not in "iub":
            bad = ~np.isfinite(array.astype(np.float32))
            if bad.any():
                first = tuple(int(i) for i in np.argwhere(bad)[0])
                place = f", first at {list(first)}" if first else ""
                found[name] = f"{int(bad.sum())} of {array.size} values{place}"
    return found


def nonfinite_metric(leaves: Leaves) -> str:
    """The metric whose sum is NaN or infinite, in words; `loss` goes before others.

    The leaves are a carry's, those of its metrics `[]` or `[members]`.
    """
    found: list[str] = []
    for name, array in leaves.items():
        if name.startswith(METRICS):
            metric, _, part = name.removeprefix(METRICS).rpartition("/")
            # A maximum of nothing is -inf.
            fine = np.isfinite(array) | (np.isneginf(array) & (part == "value"))
            found += [] if fine.all() else [metric]
    found.sort(key=lambda name: name != "loss")
    return found[0].replace("_", " ") if found else "loss"


def _last_good(checkpoints: Path) -> str:
    """The newest whole checkpoint that holds only finite numbers.

    A loss is that of the parameters before its step, so that an update can overflow, and be
    saved, one step before its loss does.
    """
    for step in reversed(checkpoint.stored_steps(checkpoints)):
        stored = checkpoint.read_whole(checkpoints, step)
        if stored and not nonfinite_leaves(stored.leaves):
            return str(checkpoint.path_of(checkpoints, step))
    return "none"


def dump(run: Path, leaves: Leaves) -> Diverged:
    """Keep the state after the bad step, and make the error.

    It lies in `nonfinite/<step>/`. The leaves are the carry's right after that step; of a
    population, some members may not have come as far.
    """
    first = np.atleast_1d(leaves["nonfinite"])
    step = int(first[first >= 0].min())
    whose = ""
    if leaves["nonfinite"].ndim:
        members = ", ".join(str(k) for k in np.flatnonzero(first == step))
        whose = f" of member {members} (counted from 0)"
    bad = nonfinite_leaves(leaves)
    directory = run / NONFINITE / str(step)
    for place in (directory.parent, directory):  # not the run's, should it be gone
        place.mkdir(exist_ok=True)
    # Extension types such as bfloat16 do not survive .npz: widened, the values are the same.
    savable = {n: a if a.dtype.isbuiltin == 1 else a.astype(np.float32) for n, a in leaves.items()}
    with (directory / "state.npz").open("wb") as file:
        np.savez(file, **savable)  # type: ignore[arg-type]
    durable.write_file(directory / "leaves.json", json.dumps(bad, indent=1) + "\n")
    last_good = _last_good(run / "checkpoints")
    if bad:
        name, what = next(iter(bad.items()))
        offender = f"{name} ({what}){f' and {len(bad) - 1} more leaves' if len(bad) > 1 else ''}"
    else:
        offender = "no leaf of the state yet, only the metric itself"
    return Diverged(
        f"the {nonfinite_metric(leaves)} of step {step}{whose} is not finite.\n"
        f"  not finite after it: {offender}\n"
        f"  last good checkpoint: {last_good}\n"
        f"  state after the step: {directory / 'state.npz'}\n"
        "  A smaller learning rate or gradient clipping may help; --nan keep goes on regardless."
    )


class Position(NamedTuple):
    """Where a run stands.

    Attributes:
        step: updates made.
        carry: what they made; consumed by the next advance.
        reported: whether the carry's metrics have been reported.
        seconds: time spent on steps in all processes, with what they waited for data, without
            compilation.
    """

    step: int
    carry: Carry
    reported: bool
    seconds: float


class Trained(NamedTuple):
    """How the loop ended.

    Attributes:
        position: where it stands; all of it is saved.
        items_per_second: over the steps of this process, with what they waited for data.
        metrics: the figures last reported.
        over: whether patience has ended the run there.
        waited: what the steps of this process waited for, as `Waiting.spell` has it; None where
            nothing is read ahead of steps.
    """

    position: Position
    items_per_second: float
    metrics: Figures
    over: bool
    waited: Mapping[str, Any] | None


class Evaluated(NamedTuple):
    """What an evaluation gave, on the host; names are like `validation/accuracy`.

    Attributes:
        figures: name -> figure.
        sums: name -> array `[...]`, in a population `[members, ...]`.
    """

    figures: dict[str, Figure]
    sums: dict[str, np.ndarray]


class Session(NamedTuple):
    """A run at work: its program and files, its saver, and its observer.

    `reader` is the counted way from the device to the host.
    """

    program: Program
    places: Directories
    saver: Saver
    reader: Reader
    observer: Observer


def evaluate(
    program: Program, carry: Carry, step: int, splits: tuple[str, ...], reader: Reader
) -> Evaluated:
    """The figures and sums of each split."""
    found = Evaluated({}, {})
    for split in splits:
        measured = program.read(program.evaluate(carry, split, step), reader)
        found.figures.update(metrics.read(measured, f"{split}/"))
        found.sums.update(metrics.read_sums(measured, f"{split}/"))
    return found


def train(
    session: Session,
    position: Position,
    seed: int,
    until: int,
    cadence: Cadence,
    request: StopRequest,
    cores: Cores,
    *,
    halt: bool,
) -> Trained:
    """Run the steps up to `until`, or to a request to stop; what was reached is saved.

    Raises:
        Diverged: a metric was not finite, with `halt`.
        OSError: a file could not be written.
    """
    program, places, saver, reader, observer = session
    experiment = program.experiment
    step, carry, reported, seconds = position
    begun_at, begun_seconds = step, seconds
    stepper = Stepper(program, reader, cores, cadence.chunk_seconds)
    last_saved, last_saved_time = step, time.monotonic()
    figures: dict[str, Figure] = {}
    warned = False
    bests = bests_until(saver.recorded, step, experiment.selection)
    over = is_over(bests, experiment.selection)
    before = program.waiting()

    for window in stepper.timed(program.windows(seed, step, max(step, until))):
        while step < window.stop and not request and not over:
            stop = min(window.stop, cadence.next_stop(step, until, stepper.chunk))
            if step < saver.recorded_until:
                stop = min([stop, *(known for known in saver.recorded if known > step)])
            carry, nonfinite = stepper.make(
                carry, window.arrays, step, stop, until, fresh=reported, halt=halt
            )
            seconds = begun_seconds + stepper.seconds
            if nonfinite >= 0:
                if halt:
                    saver.wait()
                    raise dump(places.run, program.leaves(carry, reader))
                if not warned:
                    name = nonfinite_metric(program.leaves(carry, reader))
                    observer.note(f"the {name} of step {nonfinite} is not finite; going on")
                    warned = True
            step, reported = stop, False
            due_figures: dict[str, Figure] = {}
            report_due, evaluation_due = due(step, experiment.steps, cadence, saver)

            if report_due:
                figures = metrics.read(program.read(carry.metrics, reader), "train/")
                due_figures |= figures
                reported = True
            if evaluation_due:
                evaluated = evaluate(program, carry, step, experiment.watched, reader).figures
                if evaluated:
                    due_figures |= evaluated
                    observer.evaluated(step, evaluated)
                    bests = better(bests, step, evaluated, experiment.selection)
                    over = is_over(bests, experiment.selection)
                record.keep_glimpse(session, carry, step)
            if due_figures:
                saver.report(step, due_figures)

            if (
                step % cadence.save_every == 0
                or step == experiment.steps
                or (experiment.selection is not None and step % cadence.evaluate_every == 0)
                or time.monotonic() - last_saved_time > cadence.save_seconds
            ):
                saver.save(step, program.leaves(carry, reader), Facts(reported, seconds))
                last_saved, last_saved_time = step, time.monotonic()
            rate = rate_of(step - begun_at, seconds - begun_seconds, program.items_per_step)
            waited = waited_since(before, program.waiting(), seconds - begun_seconds)
            if waited is not None:
                observer.waited(waited)
            observer.progress(step, experiment.steps, rate, figures)
        if request or over:
            break

    if step != last_saved:
        saver.save(step, program.leaves(carry, reader), Facts(reported, seconds))
    saver.wait()
    rate = rate_of(step - begun_at, seconds - begun_seconds, program.items_per_step)
    waited = waited_since(before, program.waiting(), seconds - begun_seconds)
    return Trained(Position(step, carry, reported, seconds), rate, figures, over, waited)


def due(step: int, steps: int, cadence: Cadence, saver: Saver) -> tuple[bool, bool]:
    """Whether to report, and whether to evaluate, at a step.

    A step that is made again after falling back repeats what the ledger says was done at it,
    whatever the cadence is now, so that sums since the last report are the same sums.
    """
    if step <= saver.recorded_until:
        trained = [name.startswith("train/") for name in saver.recorded.get(step, {})]
        return any(trained), not all(trained)
    last = step == steps
    return last or step % cadence.report_every == 0, last or step % cadence.evaluate_every == 0


def rate_of(steps: int, seconds: float, items_per_step: int) -> float:
    """Items per second; 0 before there is anything to divide by."""
    return steps * items_per_step / seconds if seconds > 0 else 0.0


class Stepper:
    """Makes steps of a program, and waits for them.

    `seconds` are those of steps so far, with what they waited for data, without compilation.
    """

    def __init__(
        self, program: Program, reader: Reader, cores: Cores, chunk_seconds: float
    ) -> None:
        self.seconds = 0.0
        self._program = program
        self._reader = reader
        self._cores = cores
        self._chunk = ChunkSize(chunk_seconds)

    def timed(self, windows: Iterator[Window]) -> Iterator[Window]:
        """The same windows; what is waited for them is time spent on steps."""
        while True:
            began = time.perf_counter()
            window = next(windows, None)
            self.seconds += time.perf_counter() - began
            if window is None:
                return
            yield window
            del window  # or it would stay while the next one is waited for

    @property
    def chunk(self) -> int:
        """How many steps to make at a time."""
        return self._chunk.steps

    def make(
        self, carry: Carry, arrays: Any, start: int, stop: int, last: int, **how: bool
    ) -> tuple[Carry, int]:
        """Make the steps from `start` to `stop`; the carry given is consumed.

        `last` is the step up to which more will be made; `how` has `fresh` and `halt` of
        `Program.advance`.

        Returns:
            The carry, and the step at which a metric was not finite, or -1.
        """
        compiled = self._program.compile_seconds
        began = time.perf_counter()
        with self._cores.computing():
            carry = self._program.advance(carry, arrays, start, stop, **how)
            nonfinite = int(np.max(self._program.read(carry.nonfinite, self._reader)))
        took = time.perf_counter() - began - (self._program.compile_seconds - compiled)
        self.seconds += took
        self._chunk.update(stop - start, took)
        self._cores.add(stop - start, took, last - stop)
        return carry, nonfinite

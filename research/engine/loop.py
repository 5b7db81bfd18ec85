"""The host loop, read from top to bottom: advance, evaluate, save, record, show."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from research.engine import divergence, metrics, record
from research.engine.advance import Carry
from research.engine.cadence import Cadence, ChunkSize
from research.engine.checkpoint import Facts
from research.engine.cores import Cores
from research.engine.directory import Directories
from research.engine.interrupts import StopRequest
from research.engine.leaves import Reader
from research.engine.observer import Observer
from research.engine.program import Program
from research.engine.record import Figure, Figures
from research.engine.saver import Saver
from research.engine.selection import bests_until, better, is_over


class Position(NamedTuple):
    """Where a run stands.

    Attributes:
        step: updates made.
        carry: what they made; consumed by the next advance.
        reported: whether the carry's metrics have been reported.
        seconds: time spent on steps in all processes, without compilation.
    """

    step: int
    carry: Carry
    reported: bool
    seconds: float


class Trained(NamedTuple):
    """How the loop ended.

    Attributes:
        position: where it stands; all of it is saved.
        items_per_second: over the steps of this process.
        metrics: the figures last reported.
        over: whether patience has ended the run there.
    """

    position: Position
    items_per_second: float
    metrics: Figures
    over: bool


def evaluate(
    program: Program, carry: Carry, step: int, splits: tuple[str, ...], reader: Reader
) -> dict[str, Figure]:
    """The figures of each split: `validation/accuracy` and the like."""
    figures: dict[str, Figure] = {}
    for split in splits:
        figures |= metrics.read(
            program.read(program.evaluate(carry, split, step), reader), f"{split}/"
        )
    return figures


def train(
    program: Program,
    position: Position,
    seed: int,
    until: int,
    cadence: Cadence,
    *,
    halt: bool,
    places: Directories,
    saver: Saver,
    observer: Observer,
    reader: Reader,
    request: StopRequest,
    cores: Cores,
) -> Trained:
    """Run the steps up to `until`, or to a request to stop; what was reached is saved.

    Args:
        program: the compiled experiment.
        position: where to start.
        seed: the run's seed.
        until: the step to stop before.
        cadence: when to report, evaluate and save.
        halt: whether a metric of training that is not finite ends the run.
        places: the run's files.
        saver: makes checkpoints durable.
        observer: is told of progress.
        reader: the counted way from the device.
        request: true once someone asked to stop.
        cores: says where steps are computed.

    Raises:
        Diverged: a metric was not finite, with `halt`.
        OSError: a file could not be written.
    """
    experiment = program.experiment
    step, carry, reported, seconds = position
    begun_at, begun_seconds = step, seconds
    stepper = Stepper(program, reader, cores, cadence.chunk_seconds)
    last_saved, last_saved_time = step, time.monotonic()
    figures: dict[str, Figure] = {}
    warned = False
    bests = bests_until(saver.recorded, step, experiment.selection)
    over = is_over(bests, experiment.selection)

    for window in program.windows(seed, step, max(step, until)):
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
                    raise divergence.dump(places.run, program.leaves(carry, reader))
                if not warned:
                    name = divergence.nonfinite_metric(program.leaves(carry, reader))
                    observer.note(f"the {name} of step {nonfinite} is not finite; going on as told")
                    warned = True
            step, reported = stop, False
            due_figures: dict[str, Figure] = {}
            report_due, evaluation_due = due(step, experiment.steps, cadence, saver)

            if report_due:
                figures = metrics.read(program.read(carry.metrics, reader), "train/")
                due_figures |= figures
                reported = True
            if evaluation_due:
                evaluated = evaluate(program, carry, step, experiment.watched, reader)
                if evaluated:
                    due_figures |= evaluated
                    observer.evaluated(step, evaluated)
                    bests = better(bests, step, evaluated, experiment.selection)
                    over = is_over(bests, experiment.selection)
                record.keep_glimpse(places.run, program, carry, step, reader, observer)
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
            observer.progress(step, experiment.steps, rate, figures)
        if request or over:
            break

    if step != last_saved:
        saver.save(step, program.leaves(carry, reader), Facts(reported, seconds))
    saver.wait()
    rate = rate_of(step - begun_at, seconds - begun_seconds, program.items_per_step)
    return Trained(Position(step, carry, reported, seconds), rate, figures, over)


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

    Args:
        program: the compiled experiment.
        reader: the counted way from the device.
        cores: says where steps are computed.
        chunk_seconds: about how long the device is to work before the host looks again.

    Attributes:
        seconds: spent on steps so far, without compilation.
    """

    def __init__(
        self, program: Program, reader: Reader, cores: Cores, chunk_seconds: float
    ) -> None:
        self.seconds = 0.0
        self._program = program
        self._reader = reader
        self._cores = cores
        self._chunk = ChunkSize(chunk_seconds)

    @property
    def chunk(self) -> int:
        """How many steps to make at a time."""
        return self._chunk.steps

    def make(
        self, carry: Carry, arrays: Any, start: int, stop: int, last: int, **how: bool
    ) -> tuple[Carry, int]:
        """Make the steps from `start` to `stop`; the carry given is consumed.

        Args:
            carry: where it stands.
            arrays: what the steps run on.
            start: the first step.
            stop: the step to stop before.
            last: the step up to which more will be made.
            how: `fresh` and `halt`, as `Program.advance` has them.

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
        self._chunk.seen(stop - start, took)
        self._cores.seen(stop - start, took, last - stop)
        return carry, nonfinite

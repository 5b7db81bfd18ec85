"""A run in its directory: started, continued where it stopped, or found finished."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from research.engine import checkpoint, own_files
from research.engine.checkpoint import Checkpoint, Facts, Retention
from research.engine.cores import Cores
from research.engine.directory import Directories, hold
from research.engine.durable import write_file
from research.engine.finish import finish
from research.engine.identity import Identity
from research.engine.inputs import INITIAL, Input, apply_initial, check_fit
from research.engine.interrupts import StopRequest, stop_on_signals
from research.engine.leaves import Reader
from research.engine.ledger import Ledger
from research.engine.loop import Cadence, Position, Session, Trained, train
from research.engine.opening import Surroundings, newest_good, open_ledger
from research.engine.population import Population
from research.engine.program import Program
from research.engine.record import Observer, check_glimpse, restore_metrics
from research.engine.result import vouched
from research.engine.saver import Saver
from research.errors import Stopped

_SILENT_SECONDS = 10.0
"""Between notes while the members of a population are made."""


class Slicing(NamedTuple):
    """How the work is sliced and kept: no part of a run's identity, nor of its bits.

    Attributes:
        cadence: when to report, evaluate and save.
        retention: which checkpoints stay.
        until: the step to stop at, or None for the end.
        halt: whether a metric of training that is not finite ends the run.
        cores: how many cores compute; None for one or all, by measure.
    """

    cadence: Cadence
    retention: Retention = Retention()
    until: int | None = None
    halt: bool = True
    cores: int | None = None


def launch(
    program: Program,
    identity: Identity,
    directory: Path,
    surroundings: Surroundings,
    slicing: Slicing,
    observer: Observer,
    *,
    inputs: Mapping[str, Input] = MappingProxyType({}),
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Start the run, continue it, or report it when it is finished: its `result.json`.

    The program has the `inputs` already; with them come the parameters to start from. `files` maps
    a field of the config to the path of the user's own file.

    Raises:
        Stopped: it stands before its end, saved, and the same command continues it.
        Diverged: a metric of its training is not finite.
        Difference: it no longer makes what its own ledger says it made.
        Damaged: there is nothing to fall back on.
        Mistake: it cannot be continued here.
    """
    initial = inputs.get(INITIAL)
    if initial is not None:
        check_fit(program.member_shapes, initial)
    check_glimpse(program)
    places = Directories(directory)
    places.checkpoints.mkdir(parents=True, exist_ok=True)
    with hold(directory) as held:
        copies = map(places.input, inputs)
        for place in (places.run, places.checkpoints, places.glimpses, *copies):
            checkpoint.remove_parts(place)
        experiment = program.experiment
        opened = open_ledger(places, identity, surroundings, observer, inputs, experiment)
        own_files.keep(directory, files or {})
        found = newest_good(places, opened, program, observer)
        result = opened.result()
        ended = None if result is None else int(result["shown"]["step"])
        if result is not None and found is not None and found[0] == ended:
            return _report_finished(places, identity, result, found[1].facts, observer)
        saver = Saver(
            places,
            opened,
            slicing.retention,
            experiment,
            observer.saved,
            members=identity.population is not None,
            check=held.check,
        )
        with stop_on_signals(observer.note) as request, closing(saver):
            session = Session(program, places, saver, Reader(), observer)
            position = _begin(session, identity, opened, found, initial, request)
            return _go_on(session, identity, position, slicing, request)


def _begin(
    session: Session,
    identity: Identity,
    opened: Ledger,
    found: tuple[int, Checkpoint] | None,
    initial: Input | None,
    request: StopRequest,
) -> Position:
    """Where the run stands: at the checkpoint that was found, or before its first step."""
    program, places, saver, reader, observer = session
    if found is None:
        if isinstance(program, Population):
            made = _while_made(program.members, observer, request)
            carry = program.initial(identity.seed, made=made)
        else:
            carry = program.initial(identity.seed)
        if initial is not None:
            carry = apply_initial(program, carry, initial)
        position = Position(0, carry, reported=True, seconds=0.0)
    else:
        step, stored = found
        carry = program.place(stored.leaves)
        position = Position(step, carry, stored.facts.reported, stored.facts.seconds)
    if restore_metrics(places.metrics, opened.reports()):
        observer.note(f"{places.metrics.name} was changed: written anew from the ledger")
    observer.started(
        {
            "run_dir": str(places.run),
            "experiment": identity.experiment,
            "seed": identity.seed,
            "members": len(identity.members),
            "step": position.step,
            "steps": program.experiment.steps,
            "items": program.experiment.items,
        }
    )
    if found is None:
        saver.save(0, program.leaves(carry, reader), Facts(True, 0.0))
    return position


def _go_on(
    session: Session, identity: Identity, position: Position, slicing: Slicing, request: StopRequest
) -> dict[str, Any]:
    program, observer = session.program, session.observer
    experiment = program.experiment
    until = experiment.steps if slicing.until is None else min(slicing.until, experiment.steps)
    with Cores(slicing.cores, observer.note, one_device=program.on_one_cpu) as cores:
        trained = train(
            session,
            position,
            identity.seed,
            until,
            slicing.cadence,
            request,
            cores,
            halt=slicing.halt,
        )
    result = finish(session, identity, trained)
    if not result["complete"]:
        raise stopped(trained, experiment.steps, request.reason, result)
    if result.get("stopped_early"):
        assert experiment.selection is not None
        observer.note(
            f"ended at step {result['step']} of {experiment.steps}: {identity.patience} "
            f"evaluations in a row without a better {experiment.selection.metric}"
        )
    observer.finished(result)
    return result


def _while_made(members: int, observer: Observer, request: StopRequest) -> Callable[[int], None]:
    """A note now and then, and an end on request, while members are made before step 0."""
    noted = time.monotonic()

    def made(count: int) -> None:
        nonlocal noted
        if request:
            raise Stopped(
                f"stopped by {request.reason} before step 0, with {count:,} of {members:,} members "
                "made and nothing saved; the same command begins anew"
            )
        if time.monotonic() - noted > _SILENT_SECONDS:
            noted = time.monotonic()
            observer.note(f"{count:,} of {members:,} members are made; step 0 is when all are")

    return made


class StoppedRun(Stopped):
    """A run that stands before its end; `result` holds its figures so far."""

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


def stopped(trained: Trained, steps: int, reason: str, result: dict[str, Any]) -> StoppedRun:
    """The ending of a run that was stopped, by a signal or by `--until`."""
    why = f"stopped by {reason or '--until'}"
    again = "the same command" if reason else "the same command without --until"
    return StoppedRun(
        f"{why} at step {trained.position.step} of {steps}, saved in {result['run_dir']}; "
        f"{again} goes on from there",
        result,
    )


def _report_finished(
    places: Directories,
    identity: Identity,
    recorded: dict[str, Any],
    facts: Facts,
    observer: Observer,
) -> dict[str, Any]:
    """The result of a finished run, its figures taken from the ledger."""
    certain = {
        "experiment": identity.experiment,
        "run_dir": str(places.run),
        **vouched(recorded),
    }
    # Times and memory are nobody's promise: where the file is lost, most of them are not known.
    unknown = dict.fromkeys(("compile_seconds", "items_per_second", "peak_memory_bytes"))
    try:
        moved = {**json.loads(places.result.read_text()), "run_dir": str(places.run)}
        whole = moved == {**moved, **certain} and unknown.keys() <= moved.keys()
    except (OSError, ValueError, TypeError):
        moved, whole = {}, False
    result = {**certain, "seconds": facts.seconds, **unknown}
    if whole:
        result |= moved
    else:
        observer.note(
            f"{places.result.name} was missing, damaged or of an older version: written anew from "
            "the ledger"
        )
        write_file(places.result, json.dumps(result, indent=2) + "\n")
    observer.note(f"already finished: {places.run}")
    observer.finished(result)
    return result


def restart(directory: Path) -> Path | None:
    """Move a run aside, so that it can start anew; returns where it now lies, if it was there.

    Raises:
        Mistake: a living process is at work in it.
    """
    if not directory.exists():
        return None
    with hold(directory):
        return checkpoint.set_aside(directory)

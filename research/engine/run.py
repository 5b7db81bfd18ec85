"""A run in its directory: started, continued where it stopped, or found finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import checkpoint, fingerprint, ledger, lock
from research.engine.advance import Program
from research.engine.cadence import Cadence
from research.engine.checkpoint import Checkpoint, Facts, Retention
from research.engine.code import changed
from research.engine.durable import write_file
from research.engine.finish import finish
from research.engine.identity import CONFIG_FILE, Identity, is_config_file_true
from research.engine.initialize import Initial, apply_initial, check_fit, keep_initial
from research.engine.interrupts import StopRequest, stop_on_signals
from research.engine.leaves import Reader, name_leaves, rebuild
from research.engine.ledger import Ledger
from research.engine.loop import Position, Trained, train
from research.engine.observer import Observer
from research.engine.record import restore_metrics
from research.engine.saver import Directories, Saver, best_save
from research.errors import Damaged, Mistake, Stopped

POOL = "pool_size"


class Surroundings(NamedTuple):
    """What a run meets outside its identity; recorded, and compared when it goes on.

    Attributes:
        fingerprint: whatever in this environment can change bits.
        code: path -> SHA-256 of the sources that the experiment rests on.
        data: split -> SHA-256 of its decoded content.
    """

    fingerprint: dict[str, str]
    code: dict[str, str]
    data: dict[str, str]


class Slicing(NamedTuple):
    """How the work is sliced and kept: no part of a run's identity, nor of its bits.

    Attributes:
        cadence: when to report, evaluate and save.
        retention: which checkpoints stay.
        until: the step to stop at, or None for the end.
        halt: whether a loss that is not finite ends the run.
    """

    cadence: Cadence
    retention: Retention = Retention()
    until: int | None = None
    halt: bool = True


def launch(
    program: Program,
    identity: Identity,
    directory: Path,
    surroundings: Surroundings,
    slicing: Slicing,
    observer: Observer,
    *,
    initial: Initial | None = None,
) -> dict[str, Any]:
    """Start the run, continue it, or report it when it is finished: its `result.json`.

    Args:
        program: the experiment and its feed.
        identity: what run it is.
        directory: where it lies, or will lie.
        surroundings: the environment, code and data of this process.
        slicing: how far to go, and how often to stop on the way.
        observer: is told of progress.
        initial: parameters of another run to start from.

    Raises:
        Stopped: it stands before its end, saved, and the same command continues it.
        Diverged: its loss is not finite.
        Difference: it no longer makes what its own ledger says it made.
        Damaged: there is nothing to fall back on.
        Mistake: it cannot be continued here.
    """
    if initial is not None:
        check_fit(program.shapes, initial)
    places = Directories(directory)
    places.checkpoints.mkdir(parents=True, exist_ok=True)
    with lock.hold(directory):
        for place in (places.run, places.checkpoints, places.initial):
            checkpoint.remove_parts(place)
        opened = _open_ledger(places, identity, surroundings, observer, initial)
        found = _newest_good(places, opened, program, observer)
        result = opened.result()
        if result is not None and found is not None and found[0] == program.experiment.steps:
            return _report_finished(places, identity, result, found[1].facts, observer)
        with stop_on_signals(observer.note) as request:
            return _go_on(
                program,
                identity,
                places,
                opened,
                found,
                slicing,
                observer,
                request,
                initial,
            )


def _go_on(
    program: Program,
    identity: Identity,
    places: Directories,
    opened: Ledger,
    found: tuple[int, Checkpoint] | None,
    slicing: Slicing,
    observer: Observer,
    request: StopRequest,
    initial: Initial | None,
) -> dict[str, Any]:
    experiment = program.experiment
    reader = Reader()
    saver = Saver(places, opened, slicing.retention, experiment.selection, observer.saved)
    try:
        if found is None:
            carry = program.initial(identity.seed)
            if initial is not None:
                carry = apply_initial(carry, initial)
            position = Position(0, carry, reported=True, seconds=0.0)
        else:
            step, stored = found
            carry = rebuild(program.shapes, stored.leaves)
            position = Position(step, carry, stored.facts.reported, stored.facts.seconds)
        if restore_metrics(places.metrics, opened.reports()):
            observer.note(f"{places.metrics.name} was changed: written anew from the ledger")
        observer.started(
            {
                "run_dir": str(places.run),
                "experiment": identity.experiment,
                "seed": identity.seed,
                "step": position.step,
                "steps": experiment.steps,
                "items": experiment.items,
            }
        )
        if found is None:
            saver.save(0, reader(name_leaves(carry)), Facts(True, 0.0))
        until = experiment.steps if slicing.until is None else slicing.until
        trained = train(
            program,
            position,
            identity.seed,
            min(until, experiment.steps),
            slicing.cadence,
            halt=slicing.halt,
            places=places,
            saver=saver,
            observer=observer,
            reader=reader,
            request=request,
        )
        result = finish(program, identity, places, trained, saver, reader, observer)
        if not result["complete"]:
            raise stopped(trained, experiment.steps, request.reason, result)
        observer.finished(result)
        return result
    finally:
        saver.close()


class StoppedRun(Stopped):
    """A run that stands before its end; `result` holds its figures so far."""

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


def stopped(trained: Trained, steps: int, reason: str, result: dict[str, Any]) -> StoppedRun:
    """The ending of a run that was told to stop, by a signal or by `--until`."""
    why = f"stopped by {reason}" if reason else "stopped as told"
    again = "the same command" if reason else "the same command without --until"
    return StoppedRun(
        f"{why} at step {trained.position.step} of {steps}, saved in {result['run_dir']}; "
        f"{again} goes on from there",
        result,
    )


def _open_ledger(
    places: Directories,
    identity: Identity,
    surroundings: Surroundings,
    observer: Observer,
    initial: Initial | None,
) -> Ledger:
    """The run's ledger, with a header and whole; a new segment where things have changed."""
    opened = ledger.read(places.ledger)
    if not opened.lines:
        # A crash can cut the first line short, but only before there is any checkpoint.
        stored = checkpoint.stored_steps(places.checkpoints)
        if stored or (opened.broken and not opened.cut_short):
            raise Damaged(
                f"{places.ledger} is damaged: {opened.broken or 'it is missing or empty'}, so that "
                "nothing vouches for the checkpoints; --restart starts anew and keeps this run "
                "aside"
            )
        if opened.broken:
            ledger.keep_whole_part(opened)
        write_file(places.run / CONFIG_FILE, identity.spell())
        if initial is not None:
            keep_initial(places.run, initial)
        ledger.append(
            places.ledger,
            "header",
            {**identity._asdict(), "config_digest": identity.config_digest}
            | surroundings._asdict(),
            ledger.FIRST,
        )
        return ledger.read(places.ledger)
    check_header(opened, identity, surroundings)
    if not is_config_file_true(places.run, identity):
        observer.note(f"{CONFIG_FILE} was missing or changed: written anew from the ledger")
        write_file(places.run / CONFIG_FILE, identity.spell())
    if opened.broken:
        aside = ledger.keep_whole_part(opened)
        kept = f"; the damaged file is kept as {aside.name}" if aside else ""
        observer.note(
            f"the ledger's {opened.broken}: going on from the {len(opened.lines)} lines "
            f"before it{kept}"
        )
        opened = opened._replace(broken="")
    notes = what_changed(opened, surroundings)
    for text in notes:
        observer.note(text)
    finished = opened.result() is not None
    if notes and not finished:
        ledger.append(
            places.ledger,
            "segment",
            {"fingerprint": surroundings.fingerprint, "code": surroundings.code},
            opened.lines[-1].digest,
        )
        opened = ledger.read(places.ledger)
    return opened


def check_header(opened: Ledger, identity: Identity, surroundings: Surroundings) -> None:
    """Refuse to continue a run as something that it is not.

    Raises:
        Damaged: the ledger belongs to another run.
        Mistake: the data or the CPU pool's size are not the ones that it was started with.
    """
    header = opened.header
    ours = {**identity._asdict()}
    wrong = [name for name, value in ours.items() if header.get(name) != value]
    if wrong:
        raise Damaged(
            f"{opened.path} belongs to another run: its {', '.join(wrong)} differ; "
            "--restart starts anew and keeps this one aside"
        )
    for split, digest in surroundings.data.items():
        recorded = header["data"].get(split)
        if recorded != digest:
            raise Mistake(
                f"the data of split {split} are not those of this run: digest {digest[:16]}, "
                f"the run has {str(recorded)[:16]}; point TFDS_DATA_DIR at the same data, or "
                "--restart to start anew and keep this run aside"
            )
    then, now = header["fingerprint"].get(POOL), surroundings.fingerprint.get(POOL)
    if then != now:
        raise Mistake(
            f"this run was made with a CPU pool of {then} threads and this process has {now}, "
            f"which changes bits: set NPROC={then}"
        )


def what_changed(opened: Ledger, surroundings: Surroundings) -> list[str]:
    """Sentences on code and environment that differ from the run's last segment."""
    last: Mapping[str, Any] = opened.header
    for segment in opened.of_kind("segment"):
        last = segment
    sentences = [
        f"since this run was last at work, {what}"
        for what in changed(last["code"], surroundings.code)
    ]
    return sentences + fingerprint.difference(last["fingerprint"], surroundings.fingerprint)


def _newest_good(
    places: Directories, opened: Ledger, program: Program, observer: Observer
) -> tuple[int, Checkpoint] | None:
    """The newest checkpoint that is whole and is what the ledger says; others go aside.

    Where the best checkpoint by the experiment's selection is lost, those after it go aside too:
    the run makes it again on the way.
    """
    saves = opened.saves()
    best = best_save(opened, program.experiment.selection)
    for step in reversed(checkpoint.stored_steps(places.checkpoints)):
        path = checkpoint.path_of(places.checkpoints, step)
        if step not in saves:
            # Durable, but its line was not: never published, and made again by the steps before.
            shutil.rmtree(path)
            continue
        try:
            stored = checkpoint.read(places.checkpoints, step)
            if stored.records != ledger.read_leaves(saves[step]):
                raise Damaged(f"checkpoint {path} is not the one that the ledger recorded")
        except Damaged as damage:
            aside = checkpoint.set_aside(path)
            observer.note(f"{damage}; kept as {aside.name}, falling back to the one before")
            continue
        unfit = checkpoint.mismatches(stored.records, program.shapes)
        if unfit:
            raise Mistake(
                f"checkpoint {path} does not fit the program: {'; '.join(unfit[:3])}"
                f"{' and more' if len(unfit) > 3 else ''}; the code has changed since: go back to "
                "the code of the run, or --restart to start anew and keep this run aside"
            )
        if best is not None and best[0] < step and not _is_whole(places, best[0]):
            aside = checkpoint.set_aside(path)
            observer.note(
                f"checkpoint {best[0]}, the best so far, is damaged or missing: going back to make "
                f"it again; {path.name} is kept as {aside.name}"
            )
            continue
        return step, stored
    if saves:
        observer.note("no checkpoint is left to fall back on: starting from step 0, same bits")
    return None


def _is_whole(places: Directories, step: int) -> bool:
    try:
        checkpoint.read(places.checkpoints, step)
    except Damaged:
        return False
    return True


def _report_finished(
    places: Directories,
    identity: Identity,
    recorded: dict[str, Any],
    facts: Facts,
    observer: Observer,
) -> dict[str, Any]:
    """The result of a finished run, its figures taken from the ledger."""
    vouched = {
        "experiment": identity.experiment,
        "run_dir": str(places.run),
        **recorded["shown"],
        "digest": recorded["digest"],
        "metrics": recorded["metrics"],
    }
    # Times and memory are nobody's promise: where the file is lost, most of them are not known.
    unknown = dict.fromkeys(("compile_seconds", "items_per_second", "peak_memory_bytes"))
    try:
        moved = {**json.loads(places.result.read_text()), "run_dir": str(places.run)}
        whole = moved == {**moved, **vouched} and unknown.keys() <= moved.keys()
    except (OSError, ValueError, TypeError):
        moved, whole = {}, False
    result = {**vouched, "seconds": facts.seconds, **unknown}
    if whole:
        result |= moved
    else:
        observer.note(f"{places.result.name} was missing or damaged: written anew from the ledger")
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
    with lock.hold(directory):
        return checkpoint.set_aside(directory)

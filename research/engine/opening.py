"""Opening a run's directory: its ledger made whole, and the newest checkpoint to go on from."""

from __future__ import annotations

import itertools

from research.engine import checkpoint, ledger, needs
from research.engine.checkpoint import Checkpoint
from research.engine.directory import CONFIG_FILE, Directories
from research.engine.durable import write_file
from research.engine.experiment import Experiment
from research.engine.identity import Identity, is_config_file_true
from research.engine.initialize import Initial, keep_initial
from research.engine.inspection import cut_off
from research.engine.ledger import Ledger, is_of
from research.engine.observer import Observer
from research.engine.program import Program
from research.engine.selection import best_saves, steps_of
from research.engine.surroundings import Surroundings, check_header, what_changed
from research.errors import Damaged, Mistake


def open_ledger(
    places: Directories,
    identity: Identity,
    surroundings: Surroundings,
    observer: Observer,
    initial: Initial | None,
    experiment: Experiment,
) -> Ledger:
    """The run's ledger, with a header and whole; a new segment where things have changed.

    The header holds `steps` and what one of them takes, which follow from the config, and the name
    of the figure that matters, for those who only read the file; and the digest of what using the
    model needs.
    """
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
        header = {**identity.fields, "config_digest": identity.config_digest}
        facts = ("steps", "items", "items_per_step")
        header |= {name: getattr(experiment, name) for name in facts} | surroundings._asdict()
        if experiment.headline:
            header["headline"] = experiment.headline
        if initial is not None and initial.origin:
            header["origin"] = dict(initial.origin)
        if experiment.needs is not None:
            header["needs"] = needs.keep(places.run, experiment.needs)
        ledger.append(places.ledger, "header", header, ledger.FIRST)
        return ledger.read(places.ledger)
    check_header(opened, identity, surroundings)
    if not is_config_file_true(places.run, identity):
        observer.note(f"{CONFIG_FILE} was missing or changed: written anew from the ledger")
        write_file(places.run / CONFIG_FILE, identity.spell())
    needs.restore(places.run, opened.header, experiment.needs, observer)
    if opened.broken:
        aside = ledger.keep_whole_part(opened)
        kept = f"; the damaged file is kept as {aside.name}" if aside else ""
        observer.note(
            f"the ledger's {opened.broken}: going on from the {len(opened.lines)} lines "
            f"before it{kept}"
        )
    notes = what_changed(opened, surroundings)
    for text in (*itertools.chain(*cut_off(places, opened)), *notes):
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


def newest_good(
    places: Directories, opened: Ledger, program: Program, observer: Observer
) -> tuple[int, Checkpoint] | None:
    """The newest checkpoint that is whole and is what the ledger says; others go aside.

    Where the best checkpoint by the experiment's selection is lost, those after it go aside too:
    the run makes it again on the way.
    """
    saves = opened.saves()
    best = sorted(steps_of(best_saves(opened, program.experiment.selection)))
    for step in reversed(checkpoint.stored_steps(places.checkpoints)):
        path = checkpoint.path_of(places.checkpoints, step)
        if step not in saves:
            # A crash came between the two, or the line was lost: which, nobody can tell.
            aside = checkpoint.set_aside(path)
            observer.note(
                f"checkpoint {step} has no line in the ledger: kept as {aside.name} until it is "
                "made again, the same to the bit"
            )
            continue
        try:
            stored = checkpoint.read(places.checkpoints, step)
            if not is_of(saves[step], stored.records):
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
        lost = [at for at in best if at < step and not _is_whole(places, at)]
        if lost:
            aside = checkpoint.set_aside(path)
            observer.note(
                f"checkpoint {lost[0]}, the best so far, is damaged or missing: going back to make "
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

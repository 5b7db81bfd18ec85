"""Opening a run's directory: what it holds, whether it may go on, and from which checkpoint."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from research.engine import artifacts, checkpoint, fingerprint, inputs, ledger, needs
from research.engine.checkpoint import Checkpoint
from research.engine.directory import CONFIG_FILE, Directories
from research.engine.durable import write_file
from research.engine.experiment import Experiment
from research.engine.fingerprint import changed
from research.engine.identity import Identity, is_config_file_true
from research.engine.inputs import Input
from research.engine.ledger import Ledger, is_of
from research.engine.program import Program
from research.engine.record import Observer, read_metrics
from research.engine.result import vouched
from research.engine.selection import best_saves, steps_of
from research.errors import Damaged, Mistake


class Surroundings(NamedTuple):
    """What a run meets outside its identity; recorded, and compared when it goes on.

    `fingerprint` is whatever in this environment can change bits, `code` maps a path to the SHA-256
    of a source that the experiment rests on, `data` a split to the digest of its decoded content,
    and of its form after a hyphen.
    """

    fingerprint: dict[str, str]
    code: dict[str, str]
    data: dict[str, str]


def check_header(opened: Ledger, identity: Identity, surroundings: Surroundings) -> None:
    """Refuse to continue a run as something that it is not.

    Raises:
        Damaged: the ledger belongs to another run.
        Mistake: the data or the CPU pool's size are not the ones that it was started with.
    """
    header = opened.header
    ours = identity.fields
    wrong = [n for n in Identity._fields if header.get(n) != ours.get(n)]
    if wrong:
        raise Damaged(
            f"{opened.path} belongs to another run: its {', '.join(wrong)} differ; "
            "--restart starts anew and keeps this one aside"
        )
    for split, digest, recorded in other_data(header, surroundings):
        raise Mistake(
            f"the data of split {split} are not those of this run: digest {digest[:16]}, "
            f"the run has {recorded[:16]}; point TFDS_DATA_DIR at the same data, or "
            "--restart to start anew and keep this run aside"
        )
    then, now = (
        header["fingerprint"].get(fingerprint.POOL),
        surroundings.fingerprint.get(fingerprint.POOL),
    )
    if then != now:
        raise Mistake(
            f"this run was made with a CPU pool of {then} threads and this process has {now}, "
            f"which changes bits: set NPROC={then}"
        )


def same_data(recorded: str | None, digest: str) -> bool:
    """Whether a split is what a ledger has of it; an older one has nothing of its form."""
    return recorded in (digest, digest.split("-")[0])


def other_data(
    header: Mapping[str, Any], surroundings: Surroundings
) -> Iterator[tuple[str, str, str]]:
    """Each split whose content is not that of a run, its digest now, and the run's.

    A split that is there beside all of the run's own is one that the experiment got since: it is
    evaluated on, and nothing is learned from it.
    """
    recorded = header["data"]
    got_since = bool(recorded) and recorded.keys() <= surroundings.data.keys()
    for split, digest in surroundings.data.items():
        other = not same_data(recorded.get(split), digest)
        if other and (split in recorded or not got_since):
            yield split, digest, str(recorded.get(split))


def what_changed(opened: Ledger, surroundings: Surroundings) -> list[str]:
    """Sentences on code and environment that differ from the run's last segment."""
    last: Mapping[str, Any] = opened.header
    for segment in opened.of_kind("segment"):
        last = segment
    sentences = [
        f"since this run was last at work, {what}"
        for what in changed(last["code"], surroundings.code)
    ]
    then, now = last["fingerprint"], surroundings.fingerprint
    if fingerprint.grade(then, now) is fingerprint.Grade.SLICING:
        return sentences  # Another number of devices is no change: the bits are the same.
    return sentences + fingerprint.difference(then, now)


def record_findings(
    places: Directories, opened: Ledger, identity: Identity, surroundings: Surroundings
) -> Iterator[str]:
    """A sentence on each file, figure or split that is not what the run's ledger says."""
    if opened.broken:
        yield f"broken chain: the ledger's {opened.broken}"
    if not is_config_file_true(places.run, identity):
        yield "changed config: config.json is not what the run was started with"
    if not needs.is_whole(places.run, opened.header):
        yield f"damaged: {needs.FILE} is missing or not what the run kept when it began"
    for split, digest, recorded in other_data(opened.header, surroundings):
        yield f"other data: {split} has digest {digest[:16]}, the run {recorded[:16]}"
    saves = opened.saves()
    for step in checkpoint.stored_steps(places.checkpoints):
        try:
            stored = checkpoint.read(places.checkpoints, step)
        except Damaged as damage:
            yield f"damaged checkpoint: {damage}"
            continue
        if step in saves and not is_of(saves[step], stored.records):
            yield f"damaged checkpoint: {step} is not the one that the ledger recorded"
    lines = read_metrics(places.metrics)
    last = max(saves, default=-1)
    # The ledger has all of its lines: a missing file is no change.
    there = places.metrics.exists()
    for step, figures in opened.reports().items():
        if there and lines.get(step) != figures:
            what = "is not the ledger's" if step in lines else "is missing"
            yield f"changed metrics: the line of step {step} in metrics.jsonl {what}"
    for step in lines:
        if step <= last and step not in opened.reports():
            yield f"changed metrics: metrics.jsonl has a line of step {step} that was not made"
    result = opened.result()
    if result is not None:
        end = saves.get(int(result["shown"]["step"]), {})
        if result["digest"] != end.get("digest"):
            yield "changed result: the ledger's result does not have the digest of its last save"
        found, promised = _read_result(places), vouched(result)
        if "variants" in promised and "spread" in found:
            # An older file has one spread over all values.
            del promised["variants"]
        if found != {**found, **promised}:
            yield "changed result: result.json is missing or is not what the ledger has"


def cut_off(places: Directories, opened: Ledger) -> tuple[list[str], list[str]]:
    """Sentences on signs of lines that the ledger does not have.

    A chain that lost its last lines is whole. A result is written after its line, and so is sure to
    have had one; a crash can leave one checkpoint, and artifacts, before their line is written.

    Returns:
        Those that show a loss, and those that a crash explains as well.
    """
    if opened.broken:
        return [], []  # That lines are lost is plain.
    saves, result = opened.saves(), opened.result()
    last = max(saves, default=-1)
    sure: list[str] = []
    unsure: list[str] = []
    found = _read_result(places)
    if found.get("complete") is True and result is None:
        sure.append("lines are missing: result.json has the run's end, and the ledger has none")
    elif isinstance(step := found.get("step"), int) and step > last:
        sure.append(f"lines are missing: result.json has step {step}, the ledger ends at {last}")
    beyond = [step for step in checkpoint.stored_steps(places.checkpoints) if step > last]
    if beyond:
        steps = ", ".join(map(str, beyond))
        sentence = f"the ledger ends at {last}, and checkpoints lie there of step {steps}"
        (sure if len(beyond) > 1 else unsure).append(
            f"lines are missing: {sentence}"
            if len(beyond) > 1
            else f"{sentence}: a crash came before its line, or the line is lost"
        )
    if result is None and any((places.run / artifacts.DIRECTORY).glob("*.npz")):
        unsure.append(
            "artifacts are made at a run's end, which the ledger does not have: a crash came "
            "before its line, or the line is lost"
        )
    return sure, unsure


def _read_result(places: Directories) -> dict[str, Any]:
    try:
        content = json.loads(places.result.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def open_ledger(
    places: Directories,
    identity: Identity,
    surroundings: Surroundings,
    observer: Observer,
    given: Mapping[str, Input],
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
        inputs.keep(places.run, given)
        header = {**identity.fields, "config_digest": identity.config_digest}
        facts = ("steps", "items", "items_per_step")
        header |= {name: getattr(experiment, name) for name in facts} | surroundings._asdict()
        if experiment.headline:
            header["headline"] = experiment.headline
        header |= inputs.header_fields(given)
        if experiment.needs is not None:
            header["needs"] = needs.keep(places.run, experiment.needs)
        ledger.append(places.ledger, "header", header, ledger.FIRST)
        return ledger.read(places.ledger)
    check_header(opened, identity, surroundings)
    if not is_config_file_true(places.run, identity):
        observer.note(f"{CONFIG_FILE} was missing or changed: written anew from the ledger")
        write_file(places.run / CONFIG_FILE, identity.spell())
    needs.restore(places.run, opened.header, experiment.needs, observer)
    inputs.restore(places.run, given, observer)
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
            # A crash came between the two, or the line was lost: the two cannot be distinguished.
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
        before = [at for at in best if at < step]
        lost = [at for at in before if checkpoint.read_whole(places.checkpoints, at) is None]
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

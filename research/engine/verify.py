"""Verification: a run, or an interval of it, made again and compared with its ledger."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from research.engine import checkpoint, fingerprint, ledger, needs
from research.engine.cores import Cores
from research.engine.digests import record_leaves
from research.engine.directory import Directories
from research.engine.fingerprint import changed
from research.engine.identity import Identity
from research.engine.inputs import INITIAL, Input, apply_initial, kept
from research.engine.ledger import Ledger
from research.engine.opening import Surroundings, cut_off, record_findings
from research.engine.program import Carry, Program
from research.engine.record import Observer
from research.engine.replay import Replay, rows_of
from research.errors import Damaged, Mistake


class Judgement(enum.Enum):
    """The three verdicts on a run that was replayed."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    INCOMPARABLE = "cannot be verified here"


class Verdict(NamedTuple):
    """What a verification found.

    Attributes:
        judgement: verified only where every save that was made again is equal to the bit, at least
            one step was, and nothing else is wrong.
        compared: saves made again and held against the ledger.
        equal: how many of them are the same to the bit.
        near: how many others are within `TOLERANCE` of what another platform recorded.
        findings: what is wrong, the first difference first.
        notes: what a person should know beside it.
    """

    judgement: Judgement
    compared: int
    equal: int
    near: int
    findings: tuple[str, ...]
    notes: tuple[str, ...]


def verify(
    program: Program,
    identity: Identity,
    directory: Path,
    surroundings: Surroundings,
    observer: Observer,
    interval: tuple[int, int] | None = None,
    members: Sequence[int] | None = None,
    cores: int | None = None,
    inputs: Mapping[str, Input] | None = None,
) -> Verdict:
    """Replay a run from its start, or from one stored checkpoint, and compare each save.

    `interval` starts at a stored checkpoint; None is the whole run. `members` names those that
    `program` has of a population, where it does not have all. `inputs` None are the copies that the
    run keeps.

    Raises:
        Mistake: the interval does not start at a stored checkpoint.
        Damaged: what the run was given of other runs is.
    """
    places = Directories(directory)
    opened = ledger.read(places.ledger)
    findings = list(record_findings(places, opened, identity, surroundings))
    lost, perhaps_lost = cut_off(places, opened)
    findings += lost
    notes = [*perhaps_lost, *_changes(opened, surroundings)]
    made = program.experiment.needs
    if "needs" in opened.header and (made is None or needs.digest(made) != opened.header["needs"]):
        findings.append(f"other needs: {needs.FILE} is not what the experiment makes of its data")
    if any(finding.startswith("other data") for finding in findings):
        return Verdict(Judgement.DIFFERS, 0, 0, 0, tuple(findings), tuple(notes))

    step, carry, fresh = _beginning(program, identity, places, opened, interval, members, inputs)
    last = interval[1] if interval else max(opened.saves(), default=0)
    with Cores(cores, observer.note, one_device=program.on_one_cpu) as used:
        replay = Replay(
            program, identity.seed, places, opened, surroundings, observer, members, used
        )
        replay.run(step, carry, last, fresh=fresh, whole=interval is None)
    findings += replay.findings
    nothing = program.experiment.steps > 0 and not replay.steps
    if nothing and not findings:
        notes.append("no step was made again up to a save, so that nothing is proved")
    if findings:
        judgement = Judgement.DIFFERS
    else:
        doubtful = nothing or replay.parted or replay.doubtful
        judgement = Judgement.INCOMPARABLE if doubtful else Judgement.VERIFIED
    return Verdict(
        judgement,
        replay.compared,
        replay.equal,
        replay.near,
        tuple(findings),
        (*notes, *replay.notes),
    )


def changed_input(damage: Damaged) -> Verdict:
    """The verdict on a run whose copy of what it was given of another run is not that any more."""
    return Verdict(Judgement.DIFFERS, 0, 0, 0, (f"changed input: {damage}",), ())


def _changes(opened: Ledger, surroundings: Surroundings) -> Iterator[str]:
    """A sentence on whatever of code and environment is not as when the run was made."""
    header = opened.header
    yield from changed(header["code"], surroundings.code)
    yield from fingerprint.difference(header["fingerprint"], surroundings.fingerprint)
    for part in opened.of_kind("segment"):
        what = [
            *changed(header["code"], part["code"]),
            *fingerprint.difference(header["fingerprint"], part["fingerprint"]),
        ]
        yield f"the run itself went on after a change: {'; '.join(what) or 'undone'}"


def _beginning(
    program: Program,
    identity: Identity,
    places: Directories,
    opened: Ledger,
    interval: tuple[int, int] | None,
    members: Sequence[int] | None,
    inputs: Mapping[str, Input] | None,
) -> tuple[int, Carry, bool]:
    """The step to start from, its carry, and whether its metrics have been reported."""
    if interval is None or interval[0] == 0:
        carry = program.initial(identity.seed)
        given = kept(places.run, opened.header) if inputs is None else inputs
        initial = given.get(INITIAL)
        return 0, apply_initial(program, carry, initial) if initial else carry, True
    start = interval[0]
    stored_steps = checkpoint.stored_steps(places.checkpoints)
    if start not in stored_steps or start not in opened.saves():
        raise Mistake(
            f"--interval must start at 0 or at a stored checkpoint: {_list(stored_steps)}"
        )
    stored = checkpoint.read(places.checkpoints, start)
    leaves = rows_of(stored.leaves, members)
    unfit = checkpoint.mismatches(record_leaves(leaves), program.shapes)
    if unfit:
        raise Mistake(f"the checkpoint of step {start} does not fit the program: {unfit[0]}")
    return start, program.place(leaves), stored.facts.reported


def _list(steps: list[int]) -> str:
    return ", ".join(str(step) for step in steps) or "none is stored"

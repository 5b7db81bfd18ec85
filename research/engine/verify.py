"""The proof: a run, or an interval of it, made again and held against its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.engine import checkpoint, fingerprint, ledger, metrics, needs
from research.engine.advance import Carry
from research.engine.code import changed
from research.engine.figures import Figure
from research.engine.fingerprint import Grade
from research.engine.finish import evaluate_reported, measure
from research.engine.identity import Identity
from research.engine.initialize import apply_initial, kept_initial
from research.engine.inspection import record_findings
from research.engine.leaves import (
    STATE,
    LeafRecord,
    Leaves,
    Reader,
    member_digests,
    record_leaves,
)
from research.engine.ledger import Ledger
from research.engine.loop import evaluate
from research.engine.observer import Observer
from research.engine.population import Population
from research.engine.program import Program
from research.engine.record import spell_figures
from research.engine.result import figures_of
from research.engine.saver import Directories
from research.engine.selection import best_saves, each_member, end_of, reported_steps
from research.engine.surroundings import Surroundings
from research.errors import Damaged, Mistake

TOLERANCE = 1e-2
"""How far a leaf made on another platform may be off: norm of the difference over the norm."""


class Verdict(NamedTuple):
    """What a verification found.

    Attributes:
        compared: saves held against the ledger.
        equal: how many of them are the same to the bit.
        findings: what is wrong, the first difference first; empty means verified.
        notes: what a person should know beside it.
        within_tolerance: whether bits differ, on another platform, by no more than `TOLERANCE`.
    """

    compared: int
    equal: int
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    within_tolerance: bool


def verify(
    program: Program,
    identity: Identity,
    directory: Path,
    surroundings: Surroundings,
    observer: Observer,
    interval: tuple[int, int] | None = None,
    members: Sequence[int] | None = None,
) -> Verdict:
    """Replay a run from its start, or from one stored checkpoint, and compare each save.

    Args:
        program: the experiment and its feed, as they are now.
        identity: the run's, from its ledger.
        directory: where it lies.
        surroundings: of this process.
        observer: is told of progress.
        interval: the steps to replay, from a stored checkpoint; None for the whole run.
        members: which members of a population `program` has, where it does not have all.

    Raises:
        Mistake: the interval does not start at a stored checkpoint.
        Damaged: the parameters that the run started from are.
    """
    places = Directories(directory)
    opened = ledger.read(places.ledger)
    findings, notes = list(record_findings(places, opened, identity, surroundings)), []
    header = opened.header
    notes += changed(header["code"], surroundings.code)
    notes += fingerprint.difference(header["fingerprint"], surroundings.fingerprint)
    elsewhere = False
    for number, part in enumerate([header, *opened.of_kind("segment")]):
        grade = fingerprint.grade(part["fingerprint"], surroundings.fingerprint)
        elsewhere |= grade is Grade.ELSEWHERE
        if number:
            what = [
                *changed(header["code"], part["code"]),
                *fingerprint.difference(header["fingerprint"], part["fingerprint"]),
            ]
            notes.append(f"the run itself went on after a change: {'; '.join(what) or 'undone'}")
    made = program.experiment.needs
    if "needs" in header and (made is None or needs.digest(made) != header["needs"]):
        findings.append(f"other needs: {needs.FILE} is not what the experiment makes of its data")
    if any(finding.startswith("other data") for finding in findings):
        return Verdict(0, 0, tuple(findings), tuple(notes), False)

    step, carry, fresh = _beginning(program, identity, places, opened, interval, members)
    last = interval[1] if interval else max(opened.saves(), default=0)
    replay = _Replay(program, identity.seed, places, opened, observer, elsewhere, members)
    replay.run(step, carry, last, fresh=fresh, whole=interval is None)
    # Other figures are natural where the states differ, within what is tolerated, and only there.
    (replay.notes if replay.parted else replay.findings).extend(replay.unlike[:1])
    return Verdict(
        replay.compared,
        replay.equal,
        (*findings, *replay.findings),
        (*notes, *replay.notes),
        replay.tolerated > 0 and not findings and not replay.findings,
    )


def _beginning(
    program: Program,
    identity: Identity,
    places: Directories,
    opened: Ledger,
    interval: tuple[int, int] | None,
    members: Sequence[int] | None,
) -> tuple[int, Carry, bool]:
    """The step to start from, its carry, and whether its metrics have been reported."""
    if interval is None or interval[0] == 0:
        carry = program.initial(identity.seed)
        initial = kept_initial(places.run, identity.initial)
        return 0, apply_initial(program, carry, initial) if initial else carry, True
    start = interval[0]
    stored_steps = checkpoint.stored_steps(places.checkpoints)
    if start not in stored_steps or start not in opened.saves():
        raise Mistake(
            f"--interval must start at 0 or at a stored checkpoint: {_list(stored_steps)}"
        )
    stored = checkpoint.read(places.checkpoints, start)
    leaves = _rows(stored.leaves, members)
    unfit = checkpoint.mismatches(record_leaves(leaves), program.shapes)
    if unfit:
        raise Mistake(f"the checkpoint of step {start} does not fit the program: {unfit[0]}")
    return start, program.place(leaves), stored.facts.reported


def _rows(leaves: Leaves, members: Sequence[int] | None) -> Leaves:
    """The leaves of some members of a population; all leaves where none are named."""
    if members is None:
        return leaves
    return {name: leaf[list(members)] for name, leaf in leaves.items()}


class _Replay:
    """One pass over the ledger's saves."""

    def __init__(
        self,
        program: Program,
        seed: int,
        places: Directories,
        opened: Ledger,
        observer: Observer,
        elsewhere: bool,
        members: Sequence[int] | None,
    ) -> None:
        self.program = program
        self.seed = seed
        self.places = places
        self.opened = opened
        self.observer = observer
        self.elsewhere = elsewhere
        self.members = members
        self.reader = Reader()
        self.compared = self.equal = self.tolerated = 0
        self.parted = False
        self.unlike: list[str] = []
        self.findings: list[str] = []
        self.notes: list[str] = []

    def run(self, step: int, carry: Carry, last: int, *, fresh: bool, whole: bool) -> None:
        saves = {s: save for s, save in self.opened.saves().items() if step <= s <= last}
        reports = self.opened.reports()
        result = self.opened.result() if whole else None
        steps = self._reported_steps(result, last)
        reported: dict[int, Leaves] = {}
        if step in steps:
            reported[step] = self.program.leaves(carry, self.reader)
        if step in saves and not self._same(step, carry, saves[step]):
            return
        stops = sorted(s for s in {*saves, *reports} if step < s <= last)
        for stop in stops:
            carry = self._advance(carry, step, stop, fresh)
            line = self._of_members(reports.get(stop, {}))
            fresh = any(name.startswith("train/") for name in line)
            if stop in saves and not self._same(stop, carry, saves[stop]):
                return
            if line and not self.parted and not self._same_line(stop, carry, line):
                return
            if stop in steps:
                reported[stop] = self.program.leaves(carry, self.reader)
            step = stop
        if result is not None and not self.parted and set(steps) <= reported.keys():
            chosen = self.program.place(self.program.chosen(reported, steps))
            self._same_result(chosen, steps, result)

    def _reported_steps(self, result: Mapping[str, Any] | None, last: int) -> list[int]:
        """The step that each member reports, as the result says; the best ones must be those."""
        if result is None:
            return []
        selection = self.program.experiment.selection
        end = end_of(self.opened.reports(), selection, self.program.experiment.steps)
        if int(result["shown"]["step"]) != end:
            self.findings.append(
                f"result: the run ended at step {result['shown']['step']}, by its figures at {end}"
            )
        told = [int(step) for step in each_member(figures_of(result).get("reported_step", last))]
        best = reported_steps(best_saves(self.opened, selection), last)
        members = max(len(told), len(best))
        told, best = (steps * members if len(steps) == 1 else steps for steps in (told, best))
        if told != best:
            k = next(k for k, step in enumerate(told) if step != best[k])
            whose = f" of member {k}" if members > 1 else ""
            self.findings.append(
                f"result: step {told[k]}{whose} is reported, {best[k]} is the best"
            )
        if self.members is not None and members > 1:
            told = [told[k] for k in self.members]
        return told * self.program.members if len(told) == 1 else told

    def _of_members(self, figures: Mapping[str, Any]) -> Mapping[str, Any]:
        """The figures of the members at hand."""
        if self.members is None:
            return figures
        return {name: [value[k] for k in self.members] for name, value in figures.items()}

    def _advance(self, carry: Carry, step: int, stop: int, fresh: bool) -> Carry:
        for window in self.program.windows(self.seed, step, stop):
            carry = self.program.advance(
                carry, window.arrays, window.start, window.stop, fresh=fresh, halt=False
            )
            fresh = False
        return carry

    def _same(self, step: int, carry: Carry, save: Mapping[str, Any]) -> bool:
        """Whether to go on after holding one save against the replay."""
        leaves = self.program.leaves(carry, self.reader)
        self.compared += 1
        self.observer.progress(step, self.program.experiment.steps, 0.0, {})
        if self.members is None:
            differing = differing_leaves(ledger.read_leaves(save), record_leaves(leaves))
        else:
            differing = self._differing_members(step, leaves, save)
        if differing:
            return self._tell_difference(step, leaves, differing)
        self.equal += 1
        return True

    def _differing_members(self, step: int, leaves: Leaves, save: Mapping[str, Any]) -> list[str]:
        """The leaves that differ, or, where they are not stored, the members that do."""
        assert self.members is not None
        told = [save["members"][k] for k in self.members]
        made = member_digests(leaves)
        if told == made:
            return []
        stored = self._stored(step)
        ours, theirs = record_leaves(leaves), record_leaves(stored)
        found = differing_leaves(theirs, ours) if stored else []
        wrong = [
            f"member {k}"
            for k, left, right in zip(self.members, told, made, strict=True)
            if left != right
        ]
        return found or wrong

    def _stored(self, step: int) -> Leaves:
        """The leaves of a stored checkpoint; none where there is no whole one."""
        try:
            stored = checkpoint.read(self.places.checkpoints, step).leaves
        except Damaged:
            return {}
        return _rows(stored, self.members)

    def _same_line(self, step: int, carry: Carry, line: Mapping[str, Any]) -> bool:
        """Whether to go on after making the figures of one report again."""
        figures: dict[str, Figure] = {}
        if any(name.startswith("train/") for name in line):
            figures |= metrics.read(self.program.read(carry.metrics, self.reader), "train/")
        splits = tuple(
            split
            for split in self.program.experiment.watched
            if any(name.startswith(f"{split}/") for name in line)
        )
        figures |= evaluate(self.program, carry, step, splits, self.reader)
        return self._same_figures(f"report of step {step}", spell_figures(figures), line)

    def _tell_difference(self, step: int, leaves: Leaves, differing: list[str]) -> bool:
        stored = self._stored(step)
        described = describe_leaves(differing, leaves, stored)
        if self.elsewhere:
            self.parted = True
            off = max(
                (relative_distance(leaves[n], stored[n]) for n in differing if n in stored),
                default=None,
            )
            if off is not None and off <= TOLERANCE:
                self.tolerated += 1
                self.notes.append(
                    f"step {step}: other bits on this platform, at most {off:.2g} off "
                    f"(tolerance {TOLERANCE:g})"
                )
                return True
            if off is None:
                self.notes.append(
                    f"step {step}: other bits on this platform; not stored to compare"
                )
                return True
        self.findings.append(f"first difference at step {step}: {described}")
        return False

    def _same_figures(
        self, where: str, ours: Mapping[str, Any], recorded: Mapping[str, Any]
    ) -> bool:
        for name in (*ours, *(name for name in recorded if name not in ours)):
            if name not in ours or name not in recorded or recorded[name] != ours[name]:
                theirs, made = (figures.get(name, "no such figure") for figures in (recorded, ours))
                sentence = f"{where}: the ledger has {name} {theirs}, the replay {made}"
                (self.unlike if self.elsewhere else self.findings).append(sentence)
                return self.elsewhere
        return True

    def _same_result(self, carry: Carry, steps: list[int], result: Mapping[str, Any]) -> None:
        experiment = self.program.experiment
        last = int(result["shown"]["step"])
        figures = evaluate_reported(self.program, carry, steps, experiment.final, self.reader)
        figures |= measure(self.program, carry, self.reader)
        known = self.opened.saves().get(last, {}).get("metrics", {})
        ours = {**self._of_members(known), **spell_figures(figures)}
        theirs = figures_of(result)
        if "reported_step" in theirs:
            ours["reported_step"] = steps if isinstance(self.program, Population) else steps[0]
        self._same_figures("result", ours, self._of_members(theirs))


def differing_leaves(left: Mapping[str, LeafRecord], right: Mapping[str, LeafRecord]) -> list[str]:
    """The paths of the state's leaves that are not the same in both, in order."""
    names = [name for name in {**left, **right} if name.startswith(STATE)]
    return [name for name in names if left.get(name) != right.get(name)]


def relative_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Norm of the difference over the norm of the second; infinite where shapes differ."""
    if left.shape != right.shape:
        return float("inf")
    wide_left, wide_right = left.astype(np.float64), right.astype(np.float64)
    scale = float(np.linalg.norm(wide_right)) or 1.0
    return float(np.linalg.norm(wide_left - wide_right)) / scale


def describe_leaves(names: list[str], left: Leaves, right: Leaves) -> str:
    """The first few differing leaves, each with the size of its difference where it is known."""
    shown = []
    for name in names[:3]:
        ours, theirs = left.get(name), right.get(name)
        if ours is None or theirs is None:
            shown.append(f"{name} (size unknown: that checkpoint is no longer stored)")
        elif ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            shown.append(f"{name} ({ours.dtype}{ours.shape} against {theirs.dtype}{theirs.shape})")
        else:
            unequal = ours.reshape(-1).view(np.uint8) != theirs.reshape(-1).view(np.uint8)
            with np.errstate(invalid="ignore", over="ignore"):
                size = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
            values = int(unequal.reshape(ours.size, -1).any(axis=1).sum())
            shown.append(f"{name} ({values} of {ours.size} values, at most {size.max():.3g} apart)")
    more = f" and {len(names) - 3} more leaves" if len(names) > 3 else ""
    return "; ".join(shown) + more


def _list(steps: list[int]) -> str:
    return ", ".join(str(step) for step in steps) or "none is stored"

"""Replay: a run made again, step by step, each save and figure compared with the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from research.engine import checkpoint, fingerprint, metrics
from research.engine.cores import Cores
from research.engine.digests import (
    Leaves,
    describe_leaves,
    differing_leaves,
    furthest,
    member_digests,
    record_leaves,
    state_digest,
)
from research.engine.directory import Directories
from research.engine.fingerprint import Grade, changed
from research.engine.finish import evaluate_reported, judge
from research.engine.leaves import Reader
from research.engine.ledger import Ledger, read_leaves, read_sketches
from research.engine.loop import CHUNK_SECONDS, Stepper, evaluate
from research.engine.opening import Surroundings
from research.engine.population import Population
from research.engine.program import Carry, Program
from research.engine.record import (
    HOST_TOLERANCE,
    Figure,
    Observer,
    spell_figures,
    spell_sums,
    unlike,
)
from research.engine.result import figures_of
from research.engine.selection import best_saves, each_member, end_of, reported_steps

TOLERANCE = 1e-2
"""How far a leaf made on another platform may be off: norm of the difference over the norm."""
FIGURE_TOLERANCE = 1e-5
"""How far another platform's figure of a state that is equal to the bit may be off, relatively."""


@dataclass
class Replay:
    """One pass over the ledger's saves.

    Attributes:
        compared: saves made again and held against the ledger.
        steps: updates made again up to the last of them.
        equal: saves the same to the bit.
        near: saves within the tolerance of another platform.
        parted: whether bits differ on another platform.
        doubtful: whether a figure does where the state's bits do not.
    """

    program: Program
    seed: int
    places: Directories
    opened: Ledger
    surroundings: Surroundings
    observer: Observer
    members: Sequence[int] | None
    cores: Cores

    def __post_init__(self) -> None:
        self.reader = Reader()
        self.stepper = Stepper(self.program, self.reader, self.cores, CHUNK_SECONDS)
        self.last = 0
        self.elsewhere = _made_elsewhere(self.opened, self.surroundings)
        self.same_code = not changed(self.opened.header["code"], self.surroundings.code)
        self.compared = self.steps = self.equal = self.near = 0
        self.parted = self.doubtful = False
        self.findings: list[str] = []
        self.notes: list[str] = []

    def run(self, step: int, carry: Carry, last: int, *, fresh: bool, whole: bool) -> None:
        """Make the steps from `step` to `last` again, as far as there is something to compare.

        `fresh` is whether the carry's metrics have been reported, `whole` whether this is the whole
        run, with its result. The carry is consumed.
        """
        saves = {s: save for s, save in self.opened.saves().items() if step <= s <= last}
        reports = self.opened.reports()
        result = self.opened.result() if whole else None
        steps = self._reported_steps(result, last)
        reported: dict[int, Leaves] = {}
        # Figures of states that no save holds: another platform's bits can have parted before them.
        between: list[tuple[int, Mapping[str, Any], Mapping[str, Any]]] = []
        if step in steps:
            reported[step] = self.program.leaves(carry, self.reader)
        # What was taken from a checkpoint has been held against its digest when it was read.
        begun = whole or step == 0
        if begun and step in saves and not self._same(step, carry, saves[step]):
            return
        begin, self.last = step, last
        for stop in sorted(s for s in {*saves, *reports} if step < s <= last):
            carry = self._advance(carry, step, stop, fresh)
            line = self._of_members(reports.get(stop, {}))
            fresh = any(name.startswith("train/") for name in line)
            if stop in saves:
                self.steps = stop - begin
                if not self._same(stop, carry, saves[stop]):
                    return
                if not self.parted:
                    for at, ours, theirs in between:
                        self._same_figures(f"report of step {at}", at, ours, theirs)
                between = []
            if line and not self.parted:
                ours = self._figures_of(stop, carry, line)
                if stop not in saves and self._is_elsewhere(stop):
                    between.append((stop, ours, line))
                elif not self._same_figures(f"report of step {stop}", stop, ours, line):
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
        ends = [int(step) for step in each_member(figures_of(result).get("reported_step", last))]
        best = reported_steps(best_saves(self.opened, selection), last)
        members = max(len(ends), len(best))
        ends, best = (steps * members if len(steps) == 1 else steps for steps in (ends, best))
        if ends != best:
            k = next(k for k, step in enumerate(ends) if step != best[k])
            whose = f" of member {k}" if members > 1 else ""
            self.findings.append(
                f"result: step {ends[k]}{whose} is reported, {best[k]} is the best"
            )
        if self.members is not None and members > 1:
            ends = [ends[k] for k in self.members]
        return ends * self.program.members if len(ends) == 1 else ends

    def _of_members(self, figures: Mapping[str, Any]) -> Mapping[str, Any]:
        """The figures of the members at hand."""
        if self.members is None:
            return figures
        return {name: [value[k] for k in self.members] for name, value in figures.items()}

    def _advance(self, carry: Carry, step: int, stop: int, fresh: bool) -> Carry:
        for window in self.program.windows(self.seed, step, stop):
            step = window.start
            while step < window.stop:
                end = min(step + self.stepper.chunk, window.stop)
                carry, _ = self.stepper.make(
                    carry, window.arrays, step, end, self.last, fresh=fresh, halt=False
                )
                step, fresh = end, False
        return carry

    def _same(self, step: int, carry: Carry, save: Mapping[str, Any]) -> bool:
        """Whether to go on after holding one save against the replay."""
        leaves = self.program.leaves(carry, self.reader)
        self.compared += 1
        self.observer.progress(step, self.program.experiment.steps, 0.0, {})
        differing = self._differing(step, leaves, save)
        if not differing:
            self.equal += 1
            return True
        if not self.elsewhere[step]:
            described = describe_leaves(
                differing, leaves, self._stored(step), right_sketches=read_sketches(save)
            )
            self.findings.append(f"first difference at step {step}: {described}")
            return False
        self.parted = True
        return self._goes_on_elsewhere(step, leaves, differing, save)

    def _differing(self, step: int, leaves: Leaves, save: Mapping[str, Any]) -> list[str]:
        """What differs: leaves by name, else what the digests that differ are of."""
        records = record_leaves(leaves)
        if self.members is None:
            if save["digest"] == state_digest(records):
                # What stands beside the digest must be of these leaves, too.
                return differing_leaves(read_leaves(save), records)
            return differing_leaves(read_leaves(save), records) or ["the digest of the state"]
        recorded = [save["members"][k] for k in self.members]
        made = member_digests(leaves)
        if recorded == made:
            return []
        stored = self._stored(step)
        found = differing_leaves(record_leaves(stored), records) if stored else []
        pairs = zip(self.members, recorded, made, strict=True)
        return found or [f"member {k}" for k, left, right in pairs if left != right]

    def _goes_on_elsewhere(
        self, step: int, leaves: Leaves, differing: list[str], save: Mapping[str, Any]
    ) -> bool:
        """Whether to go on where the bits of another platform are others."""
        stored = self._stored(step)
        sketched = read_sketches(save) if self.members is None else {}
        far = furthest(differing, leaves, stored, sketched)
        if far is None:
            later = [s for s in self.opened.saves() if s > step and self._can_compare(s)]
            self.notes.append(
                f"step {step}: other bits on this platform, and nothing is stored to say by how "
                f"much{'' if later else '; neither is anything later'}"
            )
            return bool(later)
        name, off = far
        if off <= TOLERANCE:
            self.near += 1
            self.notes.append(
                f"step {step}: other bits on this platform, at most {off:.2g} off "
                f"(tolerance {TOLERANCE:g})"
            )
            return True
        where = f"{name} is {off:.2g} off (tolerance {TOLERANCE:g})"
        if step == 0:
            # Nothing was trained yet: no chaos can have made a small difference large.
            self.findings.append(f"first difference at step 0, beyond another platform's: {where}")
        else:
            self.notes.append(
                f"step {step}: {where}: so far a chaotic run can go on another platform by itself, "
                "and so far can a false record be; what follows is not compared"
            )
        return False

    def _can_compare(self, step: int) -> bool:
        save = self.opened.saves()[step]
        here = step in checkpoint.stored_steps(self.places.checkpoints)
        return here or (self.members is None and bool(read_sketches(save)))

    def _stored(self, step: int) -> Leaves:
        """The leaves of a stored checkpoint; none where there is no whole one."""
        stored = checkpoint.read_whole(self.places.checkpoints, step)
        return rows_of(stored.leaves, self.members) if stored else {}

    def _is_elsewhere(self, step: int) -> bool:
        """Whether another environment had a part in the save of a step, or in that after it."""
        return self.elsewhere[min(s for s in self.elsewhere if s >= step)]

    def _figures_of(self, step: int, carry: Carry, line: Mapping[str, Any]) -> dict[str, Any]:
        """The figures of one report, made again."""
        figures: dict[str, Figure] = {}
        if any(name.startswith("train/") for name in line):
            figures |= metrics.read(self.program.read(carry.metrics, self.reader), "train/")
        splits = tuple(
            split
            for split in self.program.experiment.watched
            if any(name.startswith(f"{split}/") for name in line)
        )
        figures |= evaluate(self.program, carry, step, splits, self.reader).figures
        return spell_figures(figures)

    def _same_figures(
        self,
        where: str,
        step: int,
        ours: Mapping[str, Any],
        recorded: Mapping[str, Any],
        on_host: Sequence[str] = (),
    ) -> bool:
        """Whether to go on after holding figures of equal states against one another.

        `step` is that of their save, or of the next one; `on_host` names figures computed on the
        host.
        """
        elsewhere = self._is_elsewhere(step)
        for name in (*ours, *(name for name in recorded if name not in ours)):
            theirs, made = (figures.get(name, "no such figure") for figures in (recorded, ours))
            if (name in recorded) != (name in ours) and not self.same_code:
                self.doubtful |= name in recorded
                which = "no longer" if name in recorded else "only"
                self.notes.append(f"{where}: {name} is {which} made since the code changed")
                continue
            if not unlike(theirs, made, HOST_TOLERANCE if name in on_host else 0.0):
                continue
            if elsewhere and not unlike(theirs, made, FIGURE_TOLERANCE):
                continue
            place, theirs, made = _row_unlike(name, theirs, made)
            sentence = f"{where}: the ledger has {place} {theirs}, the replay {made}"
            if elsewhere and not unlike(theirs, made, TOLERANCE):
                self.doubtful = True
                self.notes.append(f"{sentence}, on another platform")
                continue
            self.findings.append(sentence)
            return elsewhere
        return True

    def _same_result(self, carry: Carry, steps: list[int], result: Mapping[str, Any]) -> None:
        experiment = self.program.experiment
        last = int(result["shown"]["step"])
        made = evaluate_reported(self.program, carry, steps, experiment.final, self.reader)
        judged = judge(self.program, carry, steps, self.reader)
        known = self.opened.saves().get(last, {}).get("metrics", {})
        ours = {
            **self._of_members(known),
            **spell_figures(made.figures | judged),
            **spell_sums(made.sums),
        }
        theirs = figures_of(result)
        if "reported_step" in theirs:
            ours["reported_step"] = steps if isinstance(self.program, Population) else steps[0]
        self._same_figures("result", last, ours, self._of_members(theirs), list(judged))


def _made_elsewhere(opened: Ledger, surroundings: Surroundings) -> dict[int, bool]:
    """Step of each save -> whether another environment than this had a part in it."""
    found, elsewhere = {}, False
    for line in opened.lines:
        if line.kind in ("header", "segment"):
            grade = fingerprint.grade(line.content["fingerprint"], surroundings.fingerprint)
            elsewhere |= grade is Grade.ELSEWHERE
        elif line.kind == "save":
            found[int(line.content["step"])] = elsewhere
    return found


def rows_of(leaves: Leaves, members: Sequence[int] | None) -> Leaves:
    """The leaves of some members of a population; all leaves where none are named."""
    if members is None:
        return leaves
    return {name: leaf[list(members)] for name, leaf in leaves.items()}


def _row_unlike(name: str, left: Any, right: Any) -> tuple[str, Any, Any]:
    """The first row of two arrays that differs, with its place; figures as they are."""
    while isinstance(left, list) and isinstance(right, list) and left and isinstance(left[0], list):
        pairs = enumerate(zip(left, right, strict=False))
        at = next((at for at, (a, b) in pairs if a != b), 0)
        name, left, right = f"{name}[{at}]", left[at], right[at]
    return name, left, right

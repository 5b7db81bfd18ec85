"""The end of a run: the reported state's figures, `result.json`, and the ledger's last line."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from research.engine import artifacts, checkpoint, keys, ledger
from research.engine.durable import write_file
from research.engine.experiment import Experiment
from research.engine.identity import Identity
from research.engine.leaves import Reader
from research.engine.loop import Evaluated, Position, Session, Trained, evaluate
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
from research.engine.result import figures_of, make_result, vouched
from research.engine.selection import each_member, has_sums, reported_steps
from research.errors import Damaged, Difference

SLOW_SECONDS = 10.0
"""Without a word, after which a person would think that the run hangs."""


def finish(session: Session, identity: Identity, trained: Trained) -> dict[str, Any]:
    """Evaluate what the run reports, write `result.json`, and close the ledger of a whole run."""
    program, places, saver, reader, observer = session
    position = trained.position
    steps_in_all = program.experiment.steps
    complete = trained.over or position.step == steps_in_all
    saved = ledger.read_at_work(places.ledger).saves()[position.step]
    metrics: dict[str, Any] = {**spell_figures(trained.metrics), **saved["metrics"]}
    judged: Mapping[str, Figure] = {}
    sums: Mapping[str, Any] = {}
    if complete:
        steps = reported_steps(saver.bests, position.step)
        carry = reported_state(session, position, steps)
        # A split that was evaluated at this very step has its figures already, but not its sums.
        selection = program.experiment.selection
        known = metrics if selection is None and set(steps) == {position.step} else {}
        splits = tuple(
            split
            for split in program.experiment.final
            if not any(name.startswith(f"{split}/") for name in known)
            or has_sums(program.experiment, program.feed, split)
        )
        evaluated = evaluate_reported(program, carry, steps, splits, reader)
        with saying_when_slow(observer):
            judged = judge(program, carry, steps, reader)
        figures = evaluated.figures | judged
        sums = spell_sums(evaluated.sums)
        metrics |= spell_figures(figures)
        remarks = remarks_on(program.experiment, identity, metrics)
        if program.experiment.artifacts is not None:
            keep_artifacts(session, carry, steps[0], remarks[0])
        if figures:
            observer.evaluated(position.step, figures)
        for member, sentences in zip(identity.members, remarks, strict=True):
            for sentence in sentences:
                observer.note(f"seed {member.seed}: {sentence}" if len(remarks) > 1 else sentence)
        lost = nonfinite_figures(metrics)
        # With --nan keep a note has been written already.
        if lost and not any(name.startswith("train/") for name in lost):
            observer.note(
                f"not finite at the end: {', '.join(lost)}; the last step may have gone too far"
            )
        if set(steps) != {position.step}:
            metrics["reported_step"] = steps if identity.population else steps[0]
    line = make_result(
        identity,
        position.step,
        saved["digest"],
        metrics,
        sums,
        saved.get("members", ()),
        complete=complete,
        early=complete and position.step < steps_in_all,
    )
    recorded = ledger.read_at_work(places.ledger).result() if complete else None
    if recorded is not None:
        if not _is_same_end(recorded, line, judged):
            raise Difference(
                f"{places.run} was made again and its figures differ from those in its ledger: "
                "code, environment or data changed since"
            )
        line = recorded
    elif complete:
        saver.append("result", line)
    result = {
        "experiment": identity.experiment,
        "run_dir": str(places.run),
        **vouched(line),
        "seconds": position.seconds,
        "compile_seconds": program.compile_seconds,
        "items_per_second": trained.items_per_second,
        "peak_memory_bytes": peak_memory_bytes(),
        **({"waited": trained.waited} if trained.waited is not None else {}),
    }
    # After its line: a result that the ledger knows nothing of has lost it.
    write_file(places.result, _spell_result(result))
    return result


def _spell_result(result: Mapping[str, Any]) -> str:
    """A row of numbers on a line of its own, all else a line each."""
    text = json.dumps(result, indent=2) + "\n"
    row = re.compile(r"\[\s+([-\d][^\[\]{}\"]*?)\s+\]")
    return row.sub(lambda found: f"[{' '.join(found[1].split())}]", text)


def _is_same_end(
    recorded: Mapping[str, Any], made: Mapping[str, Any], judged: Mapping[str, Any]
) -> bool:
    """Whether a run that was made again ends as it did, but for last digits from the host.

    A ledger of before there were sums has none of them.
    """
    if any(recorded[name] != made[name] for name in ("shown", "digest")):
        return False
    before, after = figures_of(recorded), figures_of(made)
    same_names = recorded["metrics"].keys() == made["metrics"].keys()
    return same_names and not any(
        name not in after
        or unlike(before[name], after[name], HOST_TOLERANCE if name in judged else 0.0)
        for name in before
    )


def nonfinite_figures(metrics: Mapping[str, Any]) -> list[str]:
    """The names of figures that are NaN or infinite, of any member: words, as JSON has it.

    A metric of training ends a run at its step; the state of the very last step is in evaluations
    alone.
    """
    return [
        name
        for name, value in metrics.items()
        if any(isinstance(one, str) for one in each_member(value))
    ]


def reported_state(session: Session, position: Position, steps: list[int]) -> Carry:
    """The state whose figures count: the last, or the best by the experiment's selection.

    `steps` has the step that each member reports.

    Raises:
        Damaged: a checkpoint that is reported cannot be read.
    """
    if set(steps) == {position.step}:
        return position.carry
    program = session.program
    leaves = {position.step: program.leaves(position.carry, session.reader)}
    for step in set(steps) - leaves.keys():
        try:
            leaves[step] = checkpoint.read(session.places.checkpoints, step).leaves
        except Damaged as damage:
            assert program.experiment.selection is not None
            raise Damaged(
                f"{damage}; it is the best by {program.experiment.selection.metric} and is what "
                "this run reports: --restart makes it again"
            ) from None
    return program.place(program.chosen(leaves, steps))


def evaluate_reported(
    program: Program, carry: Carry, steps: list[int], splits: tuple[str, ...], reader: Reader
) -> Evaluated:
    """The figures and sums of the reported state, each member with the key of its own step.

    Where it was chosen by an evaluation, with a key that none before has had: it is then no figure
    of those that were lucky.
    """
    experiment = program.experiment
    later = 0 if experiment.selection is None else experiment.steps + 1
    at = {
        step: evaluate(program, carry, later + step, splits, reader) for step in sorted(set(steps))
    }
    if len(at) == 1:
        return at[steps[0]]
    first = at[steps[0]]
    return Evaluated(
        {
            name: [each_member(at[step].figures[name])[k] for k, step in enumerate(steps)]
            for name in first.figures
        },
        {
            name: np.stack([at[step].sums[name][k] for k, step in enumerate(steps)])
            for name in first.sums
        },
    )


@contextlib.contextmanager
def saying_when_slow(observer: Observer) -> Iterator[None]:
    """A note where what is done within takes long."""
    text = "all steps are done; figures of whole splits are being made, which can take minutes"
    timer = threading.Timer(SLOW_SECONDS, observer.note, (text,))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def judge(program: Program, carry: Carry, steps: list[int], reader: Reader) -> dict[str, Figure]:
    """What the experiment computes of whole splits at once, of each member.

    `steps` has the step that each member reports, or the one that all do: its key follows from it.
    """
    if program.experiment.judge is None:
        return {}
    members = program.each(program.read((carry.seed, carry.state), reader))
    steps = steps * len(members) if len(steps) == 1 else steps
    judged = [
        program.experiment.judge(
            state, program.feed.evaluation, keys.at_step(keys.stream(seed, "judge"), step)
        )
        for (seed, state), step in zip(members, steps, strict=True)
    ]
    if isinstance(program, Population):
        return {name: [one[name] for one in judged] for name in judged[0]}
    return dict(judged[0])


def remarks_on(
    experiment: Experiment, identity: Identity, metrics: Mapping[str, Any]
) -> list[Sequence[str]]:
    """What the experiment has to say of each member's figures."""
    found: list[Sequence[str]] = []
    for k in range(len(identity.members)):
        figures = {name: each_member(value)[k] for name, value in metrics.items()}
        finite = {name: value for name, value in figures.items() if not isinstance(value, str)}
        found.append(() if experiment.remarks is None else experiment.remarks(finite))
    return found


def keep_artifacts(session: Session, carry: Carry, step: int, remarks: Sequence[str]) -> None:
    """Write what a report shows of the state of `step`; what cannot be made is only noted.

    Of a population, that is its first member. What is remarked of it stands under the first.
    """
    program = session.program
    make = program.experiment.artifacts
    assert make is not None
    try:
        host = program.read((carry.seed, carry.state), session.reader)
        seed, state = program.each(host)[0]
        key = keys.at_step(keys.stream(seed, "artifacts"), step)
        made = make(state, program.feed.evaluation, key)
        if remarks and made:
            first = next(iter(made))
            note = " ".join(filter(None, (*remarks, made[first].note)))
            made = {**made, first: made[first]._replace(note=note)}
        artifacts.write(session.places.run / artifacts.DIRECTORY, made)
    except Exception as error:
        # A picture that cannot be drawn is no reason to lose a run that is whole.
        session.observer.note(
            f"the report will lack its pictures, which could not be made: "
            f"{type(error).__name__}: {error}"
        )


def peak_memory_bytes() -> int:
    """The largest memory so far: of the device where it is known, else of this process."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return int(stats["peak_bytes_in_use"])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

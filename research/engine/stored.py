"""A state of a run as its checkpoint has it: to look at, or to start another run from.

`--initialize-from RUN` makes the parameters part of what the new run is. Which they are is settled
when it is first launched: the same command finds that run again, though the other one has gone on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from research.engine import checkpoint, keys, ledger
from research.engine.checkpoint import Checkpoint, Facts
from research.engine.digests import STATE, Leaves, record_leaves
from research.engine.directory import LEDGER_FILE, Directories
from research.engine.experiment import Experiment, State, traced
from research.engine.identity import Identity, from_fields, read_identity
from research.engine.leaves import Reader, name_leaves, rebuild
from research.engine.ledger import is_of
from research.engine.program import Carry, Program
from research.engine.selection import best_saves, kept_saves
from research.errors import Damaged, Mistake

REPORTED, BEST, LAST = "", "best", "last"
"""Which checkpoint is meant; a step in digits is another way to say it."""


def read_checkpoint(
    directory: Path, which: str, experiment: Experiment | None = None, member: int | None = None
) -> tuple[int, Checkpoint] | None:
    """A checkpoint of a run, and its step; None where there is no whole one to choose from.

    Args:
        directory: of the run, which is not touched.
        which: `REPORTED`: the best by the experiment's selection, without one the newest that is
            whole; `BEST`: the best by that or by the figure that matters most of those that are
            watched; `LAST`: the newest that is whole; or a step.
        experiment: what it is a run of; needed where the best may be meant.
        member: whose best of a population.

    Raises:
        Damaged: the checkpoint is damaged, or not the one that the ledger recorded.
        Mistake: that checkpoint is not stored, or there is no best.
    """
    places = Directories(directory)
    opened, steps = ledger.read(places.ledger), checkpoint.stored_steps(places.checkpoints)
    if not steps:
        return None
    step = int(which) if which.isdecimal() else None
    if which in (REPORTED, BEST):
        assert experiment is not None
        reported = which == REPORTED
        bests = (
            best_saves(opened, experiment.selection) if reported else kept_saves(opened, experiment)
        )
        best = bests[member or 0] if bests else None
        step = None if best is None else best.step
        if step is None and not reported:
            raise Mistake(f"{directory} has no best checkpoint: no figure was watched so far")
    if step is None:
        found = checkpoint.newest_whole(places.checkpoints)
        if found is None:
            return None
        step, stored = found
    elif step in steps:
        stored = checkpoint.read(places.checkpoints, step)
    else:
        name = f"step {step}" if which.isdecimal() else f"the best checkpoint, that of step {step},"
        there = ", ".join(map(str, steps))
        raise Mistake(f"{name} of {directory} is not stored; of these steps there is one: {there}")
    save = opened.saves().get(step)
    if save is not None and not is_of(save, stored.records):
        path = checkpoint.path_of(places.checkpoints, step)
        raise Damaged(f"checkpoint {path} is not the one that the ledger recorded")
    return step, stored


def read_state(
    directory: Path,
    experiment: Experiment,
    member: int | None = None,
    which: str = REPORTED,
) -> tuple[int, State] | None:
    """The state of a checkpoint, on the device, and its step; None where none is stored.

    Args:
        directory: of the run, which is not touched.
        experiment: what it is a run of, with its config.
        member: which one of a population; None for a run of one seed.
        which: as `read_checkpoint` has it.

    Raises:
        Damaged: as `read_checkpoint`.
        Mistake: as `read_checkpoint`; or the code has changed since, and has another state.
    """
    found = read_checkpoint(directory, which, experiment, member)
    if found is None:
        return None
    step, stored = found
    leaves = {name: leaf for name, leaf in stored.leaves.items() if name.startswith(STATE)}
    if member is not None:
        leaves = {name: leaf[member] for name, leaf in leaves.items()}
    values = traced(experiment.hyperparameters)
    like = {STATE.rstrip("/"): jax.eval_shape(experiment.init, keys.stream(0, "init"), values)}
    unfit = checkpoint.mismatches(record_leaves(leaves), like)
    if unfit:
        path = checkpoint.path_of(Directories(directory).checkpoints, step)
        raise Mistake(
            f"checkpoint {path} does not fit the experiment: {'; '.join(unfit[:3])}; the code has "
            "changed since: go back to the code of the run, or run it again"
        )
    return step, rebuild(like, leaves)[STATE.rstrip("/")]


PARAMS = "state/params/"
"""The leaves that are taken over; an experiment keeps its parameters in `state.params`."""


class Initial(NamedTuple):
    """Parameters to start from.

    Attributes:
        leaves: path -> array, all below `state/params/`.
        digest: SHA-256 over them; part of the new run's identity.
        origin: where they are from, which the new run's header tells; empty where nobody knows.
    """

    leaves: Leaves
    digest: str
    origin: Mapping[str, Any] = MappingProxyType({})

    @property
    def step(self) -> int | None:
        """The other run's step that they are of."""
        return self.origin.get("step")


def from_leaves(leaves: Leaves) -> Initial:
    """The parameters among a carry's leaves."""
    params = {name: leaf for name, leaf in leaves.items() if name.startswith(PARAMS)}
    records = record_leaves(params)
    digest = hashlib.sha256("".join(records[name].sha256 for name in sorted(records)).encode())
    return Initial(params, digest.hexdigest())


def from_run(directory: Path, which: str = LAST, experiment: Experiment | None = None) -> Initial:
    """The parameters of a checkpoint of a run.

    Args:
        directory: of the run.
        which: the checkpoint, as `research.engine.stored.read_checkpoint` has it.
        experiment: that the run is of, where its best is wanted.

    Raises:
        Mistake: there is none, or its state has no `params`.
        Damaged: the ledger, or the checkpoint that is named, is damaged.
    """
    found = read_checkpoint(directory, which, experiment)
    if found is None:
        raise Mistake(f"{directory} has no whole checkpoint to start from")
    initial = from_leaves(found[1].leaves)
    if not initial.leaves:
        raise Mistake(f"{directory} has no parameters to start from: its state has no `params`")
    run = name_of(read_identity(directory))
    return initial._replace(origin={"run": run, "checkpoint": which, "step": found[0]})


def name_of(identity: Identity) -> str:
    """What a run is called wherever it lies."""
    return identity.directory(Path()).as_posix()


def launched_before(
    identity: Identity, runs_dir: Path, source: Identity, which: str
) -> tuple[Path, Initial] | None:
    """The run that the same command began, and the parameters that it began with.

    The other run may have gone on since: what is asked for is then other parameters, and would be
    another run.

    Args:
        identity: of the new run, without what it starts from.
        runs_dir: where runs are kept.
        source: the run that it starts from.
        which: of its checkpoints.

    Raises:
        Damaged: the parameters that it began with are damaged.
    """
    end = identity.directory(runs_dir).name.removeprefix(identity.config_digest)
    for path in sorted((runs_dir / identity.experiment).glob(f"*{end}/{LEDGER_FILE}")):
        lines = ledger.read(path).lines
        origin = lines[0].content.get("origin", {}) if lines else {}
        if (origin.get("run"), origin.get("checkpoint")) != (name_of(source), which):
            continue
        digest = from_fields(lines[0].content).initial
        if from_fields(lines[0].content) == identity._replace(initial=digest):
            initial = kept_initial(path.parent, digest)
            assert initial is not None
            return path.parent, initial._replace(origin=origin)
    return None


def keep_initial(run: Path, initial: Initial) -> None:
    """Keep a copy in the new run's directory, so that it can be replayed without the other."""
    records = record_leaves(initial.leaves)
    checkpoint.write(Directories(run).initial, 0, initial.leaves, records, Facts(True, 0.0))


def kept_initial(run: Path, digest: str) -> Initial | None:
    """The copy that the run keeps; None where it starts from its own parameters.

    Raises:
        Damaged: the copy is damaged, or is not what the run's identity says.
    """
    if not digest:
        return None
    initial = from_leaves(checkpoint.read(Directories(run).initial, 0).leaves)
    if initial.digest != digest:
        raise Damaged(
            f"{Directories(run).initial} does not hold the parameters that the run started from"
        )
    return initial


def unfit(shapes: Carry, initial: Initial) -> list[str]:
    """Sentences on parameters that do not fit an experiment; empty when all do."""
    ours = {n: leaf for n, leaf in name_leaves(shapes).items() if n.startswith(PARAMS)}
    return checkpoint.mismatches(record_leaves(initial.leaves), ours)


def check_fit(shapes: Carry, initial: Initial) -> None:
    """Refuse parameters that do not fit an experiment.

    Raises:
        Mistake: names, shapes or dtypes differ; each is named.
    """
    wrong = unfit(shapes, initial)
    if wrong:
        raise Mistake(
            "the other run's parameters do not fit this experiment: "
            + "; ".join(wrong[:5])
            + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        )


def apply_initial(program: Program, carry: Carry, initial: Initial) -> Carry:
    """The carry with its parameters replaced; those of every member, in a population.

    Raises:
        Mistake: names, shapes or dtypes differ; each is named.
    """
    check_fit(program.member_shapes, initial)
    leaves = program.leaves(carry, Reader())
    same = {n: np.broadcast_to(leaf, leaves[n].shape) for n, leaf in initial.leaves.items()}
    return program.place({**leaves, **same})

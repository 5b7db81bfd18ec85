"""Stored states: read from a run's checkpoint, to use, or to give to another run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from research.engine import checkpoint, ledger
from research.engine.checkpoint import Checkpoint
from research.engine.digests import STATE, is_part, record_leaves
from research.engine.directory import Directories
from research.engine.experiment import Experiment, State, state_shapes
from research.engine.leaves import rebuild
from research.engine.ledger import is_of
from research.engine.selection import best_saves, kept_saves
from research.errors import Damaged, Mistake

REPORTED, BEST, LAST = "", "best", "last"
"""Which checkpoint is meant, if not a step in digits."""


def read_checkpoint(
    directory: Path, which: str, experiment: Experiment | None = None, member: int | None = None
) -> tuple[int, Checkpoint] | None:
    """A checkpoint of a run, and its step; None where there is no whole one to choose from.

    `which` is `REPORTED`: the best by the experiment's selection, without one the newest that is
    whole; `BEST`: the best by that or by the figure that matters most of those that are watched;
    `LAST`: the newest that is whole; or a step. The first two need `experiment`, and `member` in a
    population.

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
        raise Mistake(f"{name} of {directory} is not stored; stored are those of steps {there}")
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

    `experiment` has the run's config; `member` is None for a run of one seed.

    Raises:
        Damaged: as `read_checkpoint`.
        Mistake: as `read_checkpoint`; or the code has changed since, and has another state.
    """
    found = read_checkpoint(directory, which, experiment, member)
    if found is None:
        return None
    step, stored = found
    leaves = {name: leaf for name, leaf in stored.leaves.items() if is_part(name)}
    if member is not None:
        leaves = {name: leaf[member] for name, leaf in leaves.items()}
    path = checkpoint.path_of(Directories(directory).checkpoints, step)
    return step, rebuild_state(leaves, state_shapes(experiment), path)


def rebuild_state(leaves: Mapping[str, np.ndarray], shapes: State, path: Path) -> State:
    """A state on the device, from its leaves.

    Leaves are below `state/`; `path` is the checkpoint's, for the message.

    Raises:
        Mistake: the code has changed since, and has another state.
    """
    like = {STATE.rstrip("/"): shapes}
    unfit = checkpoint.mismatches(record_leaves(leaves), like)
    if unfit:
        raise Mistake(
            f"checkpoint {path} does not fit the experiment: {'; '.join(unfit[:3])}; the code has "
            "changed since: go back to the code of the run, or run it again"
        )
    return rebuild(like, leaves)[STATE.rstrip("/")]

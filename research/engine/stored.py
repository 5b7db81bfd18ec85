"""The state that a run reports, as its checkpoint has it, for those who only look."""

from __future__ import annotations

from pathlib import Path

import jax

from research.engine import checkpoint, keys, ledger
from research.engine.digests import STATE, record_leaves
from research.engine.experiment import Experiment, State
from research.engine.hyperparameters import traced
from research.engine.leaves import rebuild
from research.engine.saver import Directories
from research.engine.saves import is_of
from research.engine.selection import best_saves
from research.errors import Damaged, Mistake


def read_state(
    directory: Path, experiment: Experiment, member: int | None = None
) -> tuple[int, State] | None:
    """The state that a run reports so far, on the device, and its step; None where none is stored.

    That is the best by the experiment's selection; without one, the newest that is whole.

    Args:
        directory: of the run, which is not touched.
        experiment: what it is a run of, with its config.
        member: which one of a population; None for a run of one seed.

    Raises:
        Damaged: a checkpoint is whole, and not the one that the ledger recorded; or it is the best
            and cannot be read.
        Mistake: the code has changed since, and has another state.
    """
    places = Directories(directory)
    opened = ledger.read(places.ledger)
    bests = best_saves(opened, experiment.selection)
    best = bests[member or 0] if bests else None
    if best is not None:
        step, stored = best.step, checkpoint.read(places.checkpoints, best.step)
    else:
        found = checkpoint.newest_whole(places.checkpoints)
        if found is None:
            return None
        step, stored = found
    path = checkpoint.path_of(places.checkpoints, step)
    save = opened.saves().get(step)
    if save is not None and not is_of(save, stored.records):
        raise Damaged(f"checkpoint {path} is not the one that the ledger recorded")
    leaves = {name: leaf for name, leaf in stored.leaves.items() if name.startswith(STATE)}
    if member is not None:
        leaves = {name: leaf[member] for name, leaf in leaves.items()}
    values = traced(experiment.hyperparameters)
    like = {STATE.rstrip("/"): jax.eval_shape(experiment.init, keys.stream(0, "init"), values)}
    unfit = checkpoint.mismatches(record_leaves(leaves), like)
    if unfit:
        raise Mistake(
            f"checkpoint {path} does not fit the experiment: {'; '.join(unfit[:3])}; the code has "
            "changed since: go back to the code of the run, or run it again"
        )
    return step, rebuild(like, leaves)[STATE.rstrip("/")]

"""Starting from another run's parameters: `--initialize-from RUN`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from research.engine import checkpoint
from research.engine.advance import Carry
from research.engine.checkpoint import Facts
from research.engine.digests import Leaves, record_leaves
from research.engine.leaves import Reader, name_leaves
from research.engine.program import Program
from research.engine.saver import Directories
from research.errors import Damaged, Mistake

PARAMS = "state/params/"
"""The leaves that are taken over; an experiment keeps its parameters in `state.params`."""


class Initial(NamedTuple):
    """Parameters to start from.

    Attributes:
        leaves: path -> array, all below `state/params/`.
        digest: SHA-256 over them; part of the new run's identity.
    """

    leaves: Leaves
    digest: str


def from_leaves(leaves: Leaves) -> Initial:
    """The parameters among a carry's leaves."""
    params = {name: leaf for name, leaf in leaves.items() if name.startswith(PARAMS)}
    records = record_leaves(params)
    digest = hashlib.sha256("".join(records[name].sha256 for name in sorted(records)).encode())
    return Initial(params, digest.hexdigest())


def from_run(directory: Path) -> Initial:
    """The parameters of the newest whole checkpoint of a run.

    Raises:
        Mistake: there is none, or its state has no `params`.
    """
    found = checkpoint.newest_whole(Directories(directory).checkpoints)
    if found is None:
        raise Mistake(f"{directory} has no whole checkpoint to start from")
    initial = from_leaves(found[1].leaves)
    if not initial.leaves:
        raise Mistake(f"{directory} has no parameters to start from: its state has no `params`")
    return initial


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

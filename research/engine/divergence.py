"""What is said and kept when a metric of training is not finite: a loss, most often."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from research.engine import checkpoint, durable
from research.engine.digests import METRICS, STATE, Leaves
from research.engine.directory import NONFINITE
from research.errors import Damaged, EncoreError, Exit


class Diverged(EncoreError):
    """A metric of training is NaN or infinite."""

    exit_code = Exit.DIVERGED


def nonfinite_leaves(leaves: Leaves) -> dict[str, str]:
    """Path -> what is wrong, of each leaf of the state that holds NaN or infinity."""
    found = {}
    for name, array in leaves.items():
        if name.startswith(STATE) and array.dtype.kind not in "iub":
            bad = ~np.isfinite(array.astype(np.float32))
            if bad.any():
                first = tuple(int(i) for i in np.argwhere(bad)[0])
                place = f", first at {list(first)}" if first else ""
                found[name] = f"{int(bad.sum())} of {array.size} values{place}"
    return found


def nonfinite_metric(leaves: Leaves) -> str:
    """The metric whose sum is NaN or infinite, in words; `loss` goes before others.

    Args:
        leaves: of a carry, those of its metrics among them; `[members]` in a population.
    """
    found: list[str] = []
    for name, array in leaves.items():
        if name.startswith(METRICS):
            metric, _, part = name.removeprefix(METRICS).rpartition("/")
            # A maximum of nothing is -inf.
            fine = np.isfinite(array) | (np.isneginf(array) & (part == "value"))
            found += [] if fine.all() else [metric]
    found.sort(key=lambda name: name != "loss")
    return found[0].replace("_", " ") if found else "loss"


def _last_good(checkpoints: Path) -> str:
    """The newest whole checkpoint that holds only finite numbers.

    A loss is that of the parameters before its step, so that an update can overflow, and be
    saved, one step before a loss tells of it.
    """
    for step in reversed(checkpoint.stored_steps(checkpoints)):
        try:
            leaves = checkpoint.read(checkpoints, step).leaves
        except Damaged:
            continue
        if not nonfinite_leaves(leaves):
            return str(checkpoint.path_of(checkpoints, step))
    return "none"


def dump(run: Path, leaves: Leaves) -> Diverged:
    """Keep the state that the bad step left, and make the error that says so.

    Args:
        run: the run's directory; the dump lies in `nonfinite/<step>/`.
        leaves: the carry's leaves right after it; in a population, those of every member, of
            which some may not have come as far.
    """
    first = np.atleast_1d(leaves["nonfinite"])
    step = int(first[first >= 0].min())
    whose = ""
    if leaves["nonfinite"].ndim:
        members = ", ".join(str(k) for k in np.flatnonzero(first == step))
        whose = f" of member {members} (counted from 0)"
    bad = nonfinite_leaves(leaves)
    directory = run / NONFINITE / str(step)
    directory.mkdir(parents=True, exist_ok=True)
    # Extension types such as bfloat16 do not survive .npz: widened, the values are the same.
    savable = {n: a if a.dtype.isbuiltin == 1 else a.astype(np.float32) for n, a in leaves.items()}
    with (directory / "state.npz").open("wb") as file:
        np.savez(file, **savable)  # type: ignore[arg-type]
    durable.write_file(directory / "leaves.json", json.dumps(bad, indent=1) + "\n")
    last_good = _last_good(run / "checkpoints")
    if bad:
        name, what = next(iter(bad.items()))
        offender = f"{name} ({what}){f' and {len(bad) - 1} more leaves' if len(bad) > 1 else ''}"
    else:
        offender = "no leaf of the state yet, only the metric itself"
    return Diverged(
        f"the {nonfinite_metric(leaves)} of step {step}{whose} is not finite.\n"
        f"  not finite after it: {offender}\n"
        f"  last good checkpoint: {last_good}\n"
        f"  state after the step: {directory / 'state.npz'}\n"
        "  A smaller learning rate or gradient clipping may help; --nan keep goes on regardless."
    )

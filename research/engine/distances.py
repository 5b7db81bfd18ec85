"""How far two states are apart, leaf by leaf: from their values, or else from their sketches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from research.engine import sketches
from research.engine.digests import Leaves

Sketches = Mapping[str, np.ndarray]
"""Path -> sketch, as `research.engine.sketches.sketch` gives it."""


def relative_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Norm of the difference over the norm of the second; infinite where that is no number."""
    if left.shape != right.shape:
        return float("inf")
    wide_left, wide_right = left.astype(np.float64), right.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        scale = float(np.linalg.norm(wide_right)) or 1.0
        off = float(np.linalg.norm(wide_left - wide_right)) / scale
    return off if off < float("inf") else float("inf")


def furthest(
    names: Sequence[str], leaves: Leaves, stored: Leaves, sketched: Sketches
) -> tuple[str, float] | None:
    """The leaf that is furthest from what was recorded, and how far, relatively.

    Args:
        names: of the leaves to look at.
        leaves: made here.
        stored: those recorded that are still there.
        sketched: sketches of those recorded.

    Returns:
        None where nothing is known of any of them.
    """
    found = {}
    for name in names:
        if name in leaves and name in stored:
            found[name] = relative_distance(leaves[name], stored[name])
        elif name in leaves and name in sketched:
            found[name] = sketches.distance(sketches.sketch(leaves[name]), sketched[name])
        elif stored or sketched:
            found[name] = float("inf")
    return max(found.items(), key=lambda pair: pair[1]) if found else None


def describe_leaves(
    names: Sequence[str],
    left: Leaves,
    right: Leaves,
    left_sketches: Sketches | None = None,
    right_sketches: Sketches | None = None,
) -> str:
    """The first few differing leaves, each with the size of its difference where it is known.

    Args:
        names: of all that differ.
        left: leaves of one state, as far as they are there.
        right: leaves of the other.
        left_sketches: of the one, where leaves of it are not there.
        right_sketches: of the other.
    """

    def known(name: str, leaves: Leaves, sketched: Sketches | None) -> np.ndarray | None:
        return sketches.sketch(leaves[name]) if name in leaves else (sketched or {}).get(name)

    def describe(name: str) -> str:
        if name in left and name in right:
            return f"{name} ({_compare(left[name], right[name])})"
        ours, theirs = known(name, left, left_sketches), known(name, right, right_sketches)
        if ours is None or theirs is None:
            return f"{name} (size unknown: that checkpoint is no longer stored)"
        return f"{name} ({spell_distance(ours, theirs)})"

    shown = [describe(name) for name in names[:3]]
    more = f" and {len(names) - 3} more leaves" if len(names) > 3 else ""
    return "; ".join(shown) + more


def _compare(ours: np.ndarray, theirs: np.ndarray) -> str:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"{ours.dtype}{ours.shape} against {theirs.dtype}{theirs.shape}"
    unequal = ours.reshape(-1).view(np.uint8) != theirs.reshape(-1).view(np.uint8)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    values = int(unequal.reshape(ours.size, -1).any(axis=1).sum())
    return f"{values} of {ours.size} values, at most {size.max():.3g} apart"


def spell_distance(left: np.ndarray, right: np.ndarray) -> str:
    """How far apart two leaves are by their sketches, in words."""
    off = sketches.distance(left, right)
    if off < 1e-6:
        return "apart by less than a millionth of its norm"
    return f"apart by about {off:.1g} of its norm" if off < float("inf") else "not finite"

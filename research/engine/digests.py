"""Digests and sketches of leaves: whether two states are the same, and how far apart they are.

A digest decides whether two states are the same; a sketch estimates how far apart they are, when
the values of one are no longer there. It is the norm of the leaf and three sums of its values, each
with other pseudo-random signs: the mean square of the difference of two such sums is the square of
the distance (Alon, Matias and Szegedy, "The Space Complexity of Approximating the Frequency
Moments", STOC 1996, section 2.2). A plain sum, or a first and a last value, can be equal for leaves
that are far apart, which signs make improbable. Where both states are at hand, the distance is that
of their values.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

Leaves = dict[str, np.ndarray]
"""Path (`state/params/Dense_0/kernel`) -> array on the host. Typed keys are their uint32 data."""

SHORT = 12
"""Hex digits of a leaf's SHA-256 in the ledger: enough to name the leaf that differs. That two
states are the same rests on the whole digest of the state."""


class LeafRecord(NamedTuple):
    """What is known of a leaf without its values.

    Attributes:
        sha256: hex digits; all 64, or the first `SHORT` of them, as the ledger has them.
        dtype: name of its dtype.
        shape: its shape.
    """

    sha256: str
    dtype: str
    shape: tuple[int, ...]


def record_leaf(name: str, array: np.ndarray) -> LeafRecord:
    """SHA-256 over path, dtype, shape and bytes (little endian, row-major) of one leaf."""
    array = np.ascontiguousarray(array) if array.ndim else array
    shape = tuple(int(size) for size in array.shape)
    digest = hashlib.sha256(f"{name}\0{array.dtype.name}\0{shape}\0".encode())
    if array.size:
        digest.update(array.reshape(-1).view(np.uint8).data)
    return LeafRecord(digest.hexdigest(), array.dtype.name, shape)


def record_leaves(leaves: Mapping[str, np.ndarray]) -> dict[str, LeafRecord]:
    """Path -> record of every leaf."""
    return {name: record_leaf(name, array) for name, array in leaves.items()}


STATE = "state/"
"""The paths that the run's digest covers; the rest of a carry is the loop's own."""
METRICS = "metrics/"
"""The paths of the sums since the last report."""


def is_part(name: str, part: str = STATE) -> bool:
    """Whether a leaf lies under a path, or is all that lies there: a state of one array."""
    return f"{name}/".startswith(part)


def state_digest(records: Mapping[str, LeafRecord]) -> str:
    """SHA-256 over the records of the state's leaves, by path: the digest of a run at a step."""
    digest = hashlib.sha256()
    for name in sorted(records):
        if is_part(name):
            digest.update(f"{records[name].sha256}\n".encode())
    return digest.hexdigest()


def member_digests(leaves: Leaves) -> list[str]:
    """The digest of each member's state, as its own run would have it.

    Leaves are `[members, ...]`.
    """
    state = {name: leaf for name, leaf in leaves.items() if is_part(name)}
    members = len(next(iter(state.values()))) if state else 0
    return [
        state_digest(record_leaves({name: leaf[member] for name, leaf in state.items()}))
        for member in range(members)
    ]


def differing_leaves(left: Mapping[str, LeafRecord], right: Mapping[str, LeafRecord]) -> list[str]:
    """The paths of the state's leaves that are not the same in both, in order."""
    left, right = shortened(left), shortened(right)
    names = [name for name in {**left, **right} if is_part(name)]
    return [name for name in names if left.get(name) != right.get(name)]


def shortened(records: Mapping[str, LeafRecord]) -> dict[str, LeafRecord]:
    """The same records with digests of `SHORT` hex digits."""
    return {name: record._replace(sha256=record.sha256[:SHORT]) for name, record in records.items()}


SUMS = 3
"""Signed sums in a sketch, beside the norm."""
_BLOCK, _AT_ONCE = 2**12, 2**6


def sketch(leaf: np.ndarray) -> np.ndarray:
    """The norm of a leaf and its signed sums.

    Args:
        leaf: any shape; bools and integers count as numbers, a complex number as two.

    Returns:
        float32 `[1 + SUMS]`, computed in float64; NaN or infinite where a value is.
    """
    flat = np.ascontiguousarray(leaf).reshape(-1)
    if flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    squares, sums = 0.0, np.zeros(SUMS)
    with np.errstate(invalid="ignore", over="ignore"):
        for first in range(0, -(-flat.size // _BLOCK), _AT_ONCE):
            part = flat[first * _BLOCK : (first + _AT_ONCE) * _BLOCK].astype(np.float64)
            # Not `dot`: its threads wait for one another where other work has the cores.
            squares += float(np.einsum("i,i->", part, part))
            blocks = -(-part.size // _BLOCK)
            if part.size % _BLOCK:
                part = np.pad(part, (0, blocks * _BLOCK - part.size))
            part = part.reshape(blocks, _BLOCK)
            # Each block has the same signs, times those of its own number.
            sums += np.sum(_block_signs(first, blocks) * (part @ _signs().T), axis=0)
        return np.concatenate([[np.sqrt(squares)], sums]).astype(np.float32)


def distance(left: np.ndarray, right: np.ndarray) -> float:
    """About how far apart two leaves are, from their sketches: relative to the larger norm.

    Both are float32 `[1 + SUMS]`.

    Returns:
        An estimate of `|a - b| / max(|a|, |b|)`, seldom less than a third of it and never less
        than the norms differ; infinite where a number is not finite.
    """
    wide_left, wide_right = left.astype(np.float64), right.astype(np.float64)
    if not (np.isfinite(wide_left).all() and np.isfinite(wide_right).all()):
        return float("inf")
    off = np.abs(wide_left - wide_right)
    apart = max(float(np.sqrt(np.mean(off[1:] ** 2))), float(off[0]))
    return apart / max(float(wide_left[0]), float(wide_right[0])) if apart else 0.0


def spell(leaves: Mapping[str, np.ndarray]) -> str:
    """The sketches of leaves, in their order, as base64 of little-endian float32."""
    every = [sketch(leaf) for leaf in leaves.values()]
    return base64.b64encode(np.array(every, "<f4").tobytes()).decode()


def parse(text: str, names: list[str]) -> dict[str, np.ndarray]:
    """Path -> sketch, from what `spell` gave for leaves of these names.

    Raises:
        ValueError: it is something else.
    """
    numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    return dict(zip(names, numbers.reshape(len(names), 1 + SUMS), strict=True))


@functools.cache
def _signs() -> np.ndarray:
    """Float64 `[SUMS, _BLOCK]` of 1 and -1."""
    return _mixed(np.arange(SUMS * _BLOCK, dtype=np.uint64)).reshape(SUMS, _BLOCK)


def _block_signs(first: int, blocks: int) -> np.ndarray:
    """Float64 `[blocks, SUMS]` of 1 and -1."""
    numbers = 2**32 + np.arange(first * SUMS, (first + blocks) * SUMS, dtype=np.uint64)
    return _mixed(numbers).reshape(blocks, SUMS)


def _mixed(index: np.ndarray) -> np.ndarray:
    """1 or -1 for each index, by SplitMix64's finaliser: a library's generator may change."""
    bits = index * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.where((bits ^ (bits >> np.uint64(31))) >> np.uint64(63), -1.0, 1.0)


Sketches = Mapping[str, np.ndarray]
"""Path -> sketch, as `sketch` gives it."""


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

    `stored` has those recorded leaves that still exist, `sketched` the sketches of all.

    Returns:
        None where nothing is known of any of them.
    """
    found = {}
    for name in names:
        if name in leaves and name in stored:
            found[name] = relative_distance(leaves[name], stored[name])
        elif name in leaves and name in sketched:
            found[name] = distance(sketch(leaves[name]), sketched[name])
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

    Leaves are given as far as they exist, sketches for those that do not.
    """

    def known(name: str, leaves: Leaves, sketched: Sketches | None) -> np.ndarray | None:
        return sketch(leaves[name]) if name in leaves else (sketched or {}).get(name)

    def describe(name: str) -> str:
        if name in left and name in right:
            return f"{name} ({_compare(left[name], right[name])})"
        ours, theirs = known(name, left, left_sketches), known(name, right, right_sketches)
        if ours is None or theirs is None:
            return f"{name} (size unknown: that checkpoint is no longer stored)"
        return f"{name} ({spell_distance(ours, theirs)})"

    first = [describe(name) for name in names[:3]]
    more = f" and {len(names) - 3} more leaves" if len(names) > 3 else ""
    return "; ".join(first) + more


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
    off = distance(left, right)
    if off < 1e-6:
        return "apart by less than a millionth of its norm"
    return f"apart by about {off:.1g} of its norm" if off < float("inf") else "not finite"

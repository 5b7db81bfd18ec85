"""Digests of leaves: what says, without their values, whether two states are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

Leaves = dict[str, np.ndarray]
"""Path (`state/params/Dense_0/kernel`) -> array on the host. Typed keys are their uint32 data."""

SHORT = 12
"""Hex digits of a leaf's SHA-256 in the ledger: enough to name the leaf that differs. That two
states are the same rests on the digest of the whole state, of which nothing is left out."""


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


def state_digest(records: Mapping[str, LeafRecord]) -> str:
    """SHA-256 over the records of the state's leaves, by path: the digest of a run at a step."""
    digest = hashlib.sha256()
    for name in sorted(records):
        if name.startswith(STATE):
            digest.update(f"{records[name].sha256}\n".encode())
    return digest.hexdigest()


def member_digests(leaves: Leaves) -> list[str]:
    """The digest of each member's state, as its own run would have it.

    Args:
        leaves: those of a population, each `[members, ...]`.
    """
    state = {name: leaf for name, leaf in leaves.items() if name.startswith(STATE)}
    members = len(next(iter(state.values()))) if state else 0
    return [
        state_digest(record_leaves({name: leaf[member] for name, leaf in state.items()}))
        for member in range(members)
    ]


def differing_leaves(left: Mapping[str, LeafRecord], right: Mapping[str, LeafRecord]) -> list[str]:
    """The paths of the state's leaves that are not the same in both, in order."""
    left, right = shortened(left), shortened(right)
    names = [name for name in {**left, **right} if name.startswith(STATE)]
    return [name for name in names if left.get(name) != right.get(name)]


def shortened(records: Mapping[str, LeafRecord]) -> dict[str, LeafRecord]:
    """The same records with digests of `SHORT` hex digits."""
    return {name: record._replace(sha256=record.sha256[:SHORT]) for name, record in records.items()}

"""A pytree as named leaves on the host, and the digests that say whether two are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

Leaves = dict[str, np.ndarray]
"""Path (`state/params/Dense_0/kernel`) -> array on the host. Typed keys are their uint32 data."""


class Reader:
    """The one way from the device to the host, counted.

    JAX's guard against transfers to the host does nothing on CPU, so that an accidental read in
    the loop would go unseen; every read of the engine goes through an instance of this.

    Attributes:
        reads: calls so far.
        bytes: bytes copied so far.
    """

    def __init__(self) -> None:
        self.reads = 0
        self.bytes = 0

    def __call__(self, tree: Any) -> Any:
        """The same pytree as NumPy arrays of their own memory; typed keys as their data."""
        self.reads += 1
        jax.block_until_ready(tree)

        def read(leaf: Any) -> np.ndarray:
            # A view of a donated buffer would change under the reader's hands: hence the copy.
            array = np.array(jax.random.key_data(leaf) if is_key(leaf) else leaf, copy=True)
            self.bytes += array.nbytes
            return array

        return jax.tree.map(read, tree)


def is_key(leaf: Any) -> bool:
    """Whether a leaf (or its shape) is a typed PRNG key."""
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def name_leaves(tree: Any) -> dict[str, Any]:
    """Path -> leaf, in the tree's own order."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in pairs}


def host_types(shapes: Any) -> Iterator[tuple[str, tuple[np.dtype, tuple[int, ...]]]]:
    """Path, and dtype and shape on the host, of each leaf of a `jax.ShapeDtypeStruct` pytree."""
    for name, leaf in name_leaves(shapes).items():
        if is_key(leaf):
            leaf = jax.eval_shape(jax.random.key_data, leaf)
        yield name, (np.dtype(leaf.dtype), tuple(leaf.shape))


def rebuild(like: Any, leaves: Mapping[str, np.ndarray]) -> Any:
    """The pytree of `like`'s structure on the device, from leaves of the same names.

    Args:
        like: a pytree of arrays or of `jax.ShapeDtypeStruct`.
        leaves: host arrays; a name missing here is a KeyError.
    """

    def place(name: str, target: Any) -> jax.Array:
        # The copy matters: on CPU a device array may share the host array's memory, and the
        # loop donates it.
        array = jax.device_put(np.array(leaves[name], copy=True))
        return jax.random.wrap_key_data(array, impl=_key_impl(target)) if is_key(target) else array

    named = name_leaves(like)
    return jax.tree.unflatten(
        jax.tree.structure(like), [place(name, target) for name, target in named.items()]
    )


def _key_impl(key: Any) -> Any:
    """The generator of a typed key, or of its shape."""
    found: list[Any] = []
    jax.eval_shape(lambda traced: found.append(jax.random.key_impl(traced)), key)
    return found[0]


class LeafRecord(NamedTuple):
    """What the ledger keeps of a leaf."""

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

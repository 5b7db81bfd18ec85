"""A pytree as named leaves, and the one way from the device to the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np


class Reader:
    """The one way from the device to the host, counted.

    JAX's guard against transfers to the host does nothing on CPU, so that an accidental read in
    the loop would go unseen; every read of the engine goes through an instance of this.

    `reads` and `bytes` count the calls, and the bytes copied.
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

    `like` has arrays or `jax.ShapeDtypeStruct`; a name missing in `leaves` is a KeyError.
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

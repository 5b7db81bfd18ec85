"""The order of the data: a pure function of (key, epoch, position), with random access.

No permutation array and no iterator state: the position in the data is the step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key, Rows

Last: TypeAlias = Literal["drop", "pad"]
"""What becomes of an epoch's last partial batch: left out, or filled up with weight 0."""

RowsOf: TypeAlias = Callable[[Key, jax.Array], Rows]
"""(order key, step) -> rows. Integers only, so that every device computes the same."""

ROUNDS = 48
"""Rounds of the shuffle. A card's place is within 2**-48 of uniform by the paper's bound
((1/2 + q/2N)**(rounds/2) for q cards is pessimistic; `tests/data` measures pairs and, for tiny
sizes, whole permutations)."""

LARGEST = 2**31 - 1
"""The largest size: positions are int32."""


def permute(key: Key, position: jax.Array, size: int) -> jax.Array:
    """Where a keyed permutation of `0 .. size - 1` sends each position.

    Exact: for every key a bijection. Each round pairs every place `x` with `pivot - x` (mod size)
    and swaps the two or not by one pseudo-random bit of the pair, so no walk and no table are
    needed whatever the size.

    Args:
        key: typed key; another key gives another permutation.
        position: int `[...]` in `[0, size)`.
        size: 1 to 2**31 - 1, static.

    Returns:
        int32 `[...]` in `[0, size)`.

    Raises:
        ValueError: if the size is out of range.

    Source: Hoang, Morris and Rogaway, "An Enciphering Scheme Based on a Card Shuffle", CRYPTO
    2012, figure 1 (swap-or-not); the bit is the first of the finaliser of MurmurHash3.
    """
    if not 1 <= size <= LARGEST:
        raise ValueError(f"size is {size}; it must be 1 to {LARGEST}")
    return permute_any(key, position, np.uint32(size))


def permute_any(key: Key, position: jax.Array, size: jax.Array | np.uint32) -> jax.Array:
    """As `permute`, of a size that is not known before it is traced: uint32 scalar, in range."""
    material = jax.random.bits(key, (2, ROUNDS), jnp.uint32)
    pivots, salts = material[0] % size, material[1]

    def swap_or_not(round_index: jax.Array, place: jax.Array) -> jax.Array:
        return _swap_or_not(jnp, place, pivots[round_index], salts[round_index], size)

    # Unrolled by 8 it is fastest on CPU: one kernel of 48 rounds spills, one a round is all calls.
    places = jax.lax.fori_loop(
        0, ROUNDS, swap_or_not, jnp.asarray(position).astype(jnp.uint32), unroll=8
    )
    return places.astype(jnp.int32)


def permute_on_host(seed: int, position: np.ndarray, size: int) -> np.ndarray:
    """`permute` with the key of a seed, by NumPy: int64 `[n]`, the same places."""
    material = _material(seed)
    places = np.asarray(position).astype(np.uint32)
    for pivot, salt in zip(material[0] % np.uint32(size), material[1], strict=True):
        places = _swap_or_not(np, places, pivot, salt, np.uint32(size))
    return places.astype(np.int64)


@functools.lru_cache(maxsize=64)
def _material(seed: int) -> np.ndarray:
    return np.asarray(jax.random.bits(jax.random.key(seed), (2, ROUNDS), jnp.uint32))


def _swap_or_not(xp: Any, place: Any, pivot: Any, salt: Any, size: Any) -> Any:
    """One round, by NumPy or JAX."""
    # uint32 wraps around below zero and comes back by adding the size.
    partner = xp.where(place > pivot, pivot - place + size, pivot - place)
    swapped = _mix(xp.maximum(place, partner) ^ salt) >> 31 == 1
    return xp.where(swapped, partner, place)


def _mix(bits: Any) -> Any:
    bits = (bits ^ (bits >> 16)) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> 13)) * np.uint32(0xC2B2AE35)
    return bits ^ (bits >> 16)


def steps_per_epoch(examples: int, batch_size: int, last: Last = "drop") -> int:
    """The number of batches in an epoch.

    Raises:
        ValueError: if a number is not positive, or dropping the last batch leaves none.
    """
    if not 1 <= examples <= LARGEST:
        raise ValueError(f"examples is {examples}; it must be 1 to {LARGEST}")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    steps = examples // batch_size if last == "drop" else -(-examples // batch_size)
    if steps == 0:
        raise ValueError(
            f"batch_size {batch_size} is more than the {examples} examples: {examples} is the most"
        )
    return steps


def shuffled_rows(examples: int, batch_size: int, last: Last = "drop", passes: int = 1) -> RowsOf:
    """Rows in a new order each epoch: (order key, step) -> `Rows` `[batch_size]`.

    Every epoch holds each example once ("pad"), or all but the `examples % batch_size` that its
    order puts last ("drop").

    Args:
        examples: in an epoch.
        batch_size: rows in a batch.
        last: what becomes of an epoch's last partial batch.
        passes: those of a `Repeated` source of so many examples, where it is one. Epoch k reads the
            examples of its pass k, and those of the first again after the last.

    Raises:
        ValueError: as `steps_per_epoch`, or if there are too many rows.
    """
    steps = steps_per_epoch(examples, batch_size, last)
    if not 1 <= passes <= LARGEST // examples:
        most = f"1 to {LARGEST // examples} of {examples} examples"
        raise ValueError(f"passes is {passes}; it must be {most}")

    def rows(key: Key, step: jax.Array) -> Rows:
        step = jnp.asarray(step, jnp.int32)
        # Counted within the batch: a place past the end could pass int32.
        first = (step % steps) * batch_size
        offset = jnp.arange(batch_size, dtype=jnp.int32)
        inside = offset < examples - first
        place, weight = jnp.where(inside, first + offset, 0), inside.astype(jnp.float32)
        epoch = step // steps
        position = permute(jax.random.fold_in(key, epoch), place, examples)
        return Rows(position if passes == 1 else position + epoch % passes * examples, weight)

    return rows


def in_file_order(examples: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and weights that count every example once, the last batch padded with weight 0.

    Yields:
        int64 `[batch_size]`, float32 `[batch_size]`. Padding reads row 0: real values, so that
        nothing computed from it is NaN.
    """
    for start in range(0, examples, batch_size):
        index = np.arange(start, start + batch_size)
        inside = index < examples
        yield np.where(inside, index, 0), inside.astype(np.float32)

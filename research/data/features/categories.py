"""Categories as numbers: vocabularies, one-hot and multi-hot vectors, crosses.

A category's place is what flax's `Embed(len(lookup), width)` takes; `Embed(size, 1)` is the weight
of each place of a one-hot vector without that vector.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from research.data.columns import Columns
from research.data.features.hashing import hash_numbers, hash_texts
from research.data.features.statistics import Array, Statistics, namespace
from research.data.sources.mapped import Mapped
from research.engine.experiment import Source


@dataclass(frozen=True)
class Lookup(Statistics):
    """Categories that are known, and buckets for those that are not.

    Attributes:
        values: whole numbers that fit int32, or texts (bytes that are no UTF-8 as Python's
            `surrogateescape` has them), each once; a category's place is where it stands.
        unknown: how many buckets follow, which others are hashed to; without any, their place
            is -1.
    """

    values: tuple[int, ...] | tuple[str, ...]
    unknown: int = 1

    def __len__(self) -> int:
        """How many places there are."""
        return len(self.values) + self.unknown


def fit_lookup(column: np.ndarray, most: int | None = None, unknown: int = 1) -> Lookup:
    """The categories of a column `[examples]`, the commonest first, equals in rising order.

    Args:
        column: whole numbers, or texts as `bytes` (dtype object).
        most: how many are known at most; no limit if None.
        unknown: buckets for others.

    Raises:
        ValueError: if it holds neither.
    """
    if column.dtype.kind not in "iuO":
        raise ValueError(f"categories are whole numbers or texts, not {column.dtype}: bucket them")
    counts: Counter[Any] = Counter(column.tolist())
    ordered = sorted(counts, key=lambda value: (-counts[value], value))[:most]
    if column.dtype.kind == "O":
        return Lookup(tuple(_text(value) for value in ordered), unknown)
    if ordered and max(map(abs, ordered)) >= 2**31:
        raise ValueError("a category does not fit int32: look it up as a text")
    return Lookup(tuple(ordered), unknown)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def look_up(statistics: Lookup, values: Array) -> Array:
    """The place of each category `[...]`, int32; of one that is not known that of its bucket.

    Whole numbers are found on host and device alike, texts (`bytes`) on the host: see `looked_up`.
    """
    if values.dtype == object:
        return _look_up_texts(statistics, np.asarray(values))
    size, unknown = len(statistics.values), statistics.unknown
    xp, values = namespace(values), values.astype(np.int32)
    others: Any = size + hash_numbers([values], unknown) if unknown else np.int32(-1)
    if not size:
        return others + xp.zeros_like(values)
    order = np.argsort(statistics.values).astype(np.int32)
    rising = xp.asarray(np.asarray(statistics.values, np.int32)[order])
    # Bisection in so many equal steps: an exported model has no loop.
    reached, step = xp.zeros_like(values), 1 << (size.bit_length() - 1)
    while step:
        further = reached + np.int32(step)
        larger = rising[xp.minimum(further, np.int32(size)) - 1] <= values
        reached = xp.where((further <= size) & larger, further, reached)
        step //= 2
    place = xp.maximum(reached - 1, 0)
    return xp.where(rising[place] == values, xp.asarray(order)[place], others)


def _look_up_texts(statistics: Lookup, texts: np.ndarray) -> np.ndarray:
    known = {value: place for place, value in enumerate(statistics.values)}
    found = np.array([known.get(_text(text), -1) for text in texts], np.int32)
    others: Any = np.int32(-1)
    if statistics.unknown:
        others = len(known) + hash_texts(texts, statistics.unknown)
    return np.where(found >= 0, found, others).astype(np.int32)


def looked_up(source: Source, column: str, statistics: Lookup) -> Mapped:
    """The source with each text of a column as its place, int32, found by the host's workers."""
    does = f"{column} as one of {len(statistics):,}"
    return Mapped(source, partial(_change, statistics, column), does, statistics.digest())


def _change(statistics: Lookup, column: str, columns: Columns) -> Columns:
    return {**columns, column: np.asarray(look_up(statistics, columns[column]))}


def one_hot(places: Array, size: int) -> Array:
    """A vector that is 1 at each place and 0 elsewhere: float32 `[..., size]`.

    Of a place outside 0 .. size - 1 it is 0 everywhere.
    """
    return (places[..., None] == np.arange(size, dtype=np.int32)).astype(np.float32)


def count_places(places: Array, size: int) -> Array:
    """How often each place occurs in a row of places: float32 `[rows, size]`, in a traced program.

    Args:
        places: int `[rows, places]`; those outside 0 .. size - 1, such as padding, count nothing.
        size: how many places there are.
    """
    rows = jnp.arange(places.shape[0])[:, None]
    inside = jnp.where((places >= 0) & (places < size), places, size)
    return jnp.zeros((places.shape[0], size + 1)).at[rows, inside].add(1.0)[:, :size]


def multi_hot(places: Array, size: int) -> Array:
    """1 at each place that occurs in a row, else 0; as `count_places`."""
    return jnp.minimum(count_places(places, size), 1.0)


def cross(places: Sequence[Array], sizes: Sequence[int]) -> Array:
    """The place of a combination of categories among all: int32 `[...]`, the last changing fastest.

    Args:
        places: of one category each, int `[...]`, each within its size.
        sizes: how many of each there are. Where their product is too large for a table, use
            `hash_numbers` of all places.

    Raises:
        ValueError: if the product does not fit int32.
    """
    if math.prod(sizes) >= 2**31:
        raise ValueError(f"{math.prod(sizes):,} combinations: hash them (hash_numbers)")
    place = places[0].astype(np.int32)
    for one, size in zip(places[1:], sizes[1:], strict=True):
        place = place * np.int32(size) + one.astype(np.int32)
    return place

"""Sketches: four numbers of a leaf, from which the distance between two such leaves is estimated.

A digest says whether two states are the same; a sketch says about how far apart they are, when the
values of one are no longer there. It is the norm of the leaf and three sums of its values, each
with other pseudo-random signs: the mean square of the difference of two such sums is the square of
the distance (Alon, Matias and Szegedy, "The Space Complexity of Approximating the Frequency
Moments", STOC 1996, section 2.2). A plain sum, or a first and a last value, can be equal for leaves
that are far apart, which signs make improbable.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping

import numpy as np

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

    Args:
        left: float32 `[1 + SUMS]`.
        right: the same of the other leaf.

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

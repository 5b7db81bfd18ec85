"""Hashing into buckets: MurmurHash3 (x86, 32 bits), the same on host and device.

A whole number is hashed as its four bytes, little-endian, a text as its bytes, several numbers as
the bytes of one after the other. So a category needs no vocabulary, and a bucket is the same in
every run, process and language; scikit-learn's `murmurhash3_32` gives the same numbers.

Source: Appleby, MurmurHash3.cpp (public domain); Weinberger et al. 2009, "Feature Hashing for
Large Scale Multitask Learning".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from research.data.columns import pad
from research.data.features.statistics import Array, namespace


def hash_numbers(numbers: Sequence[Array], buckets: int, seed: int = 0) -> Array:
    """The bucket of whole numbers, or of each combination of several: int32 `[...]`.

    Args:
        numbers: at least one array, int32 or shorter, `[...]` each; several are a hashed cross.
        buckets: how many there are, at least 1.
        seed: another one gives other collisions.
    """
    xp = namespace(numbers[0])
    words = [one.astype(np.int32).astype(np.uint32) for one in numbers]  # Modulo 2**32.
    state = xp.full(words[0].shape, seed, np.uint32)
    for word in words:
        state = _mix(state, word)
    return _bucket(state ^ np.uint32(4 * len(words)), buckets)


def hash_texts(texts: np.ndarray, buckets: int, seed: int = 0) -> np.ndarray:
    """The bucket of each text of a column `[examples]` of `bytes`: int32 `[examples]`, on the host.

    As `hash_bytes` of the padded rows.
    """
    counts = np.fromiter(map(len, texts), np.int32, len(texts))
    rows = [np.frombuffer(text, np.uint8) for text in texts]
    return np.asarray(hash_bytes(pad(rows, int(counts.max(initial=0)), np.uint8), counts, buckets,
                                 seed))  # fmt: skip


def hash_bytes(rows: Array, counts: Array, buckets: int, seed: int = 0) -> Array:
    """The bucket of each text: int32 `[texts]`.

    Args:
        rows: the bytes of each, uint8 `[texts, longest]`; what follows its end counts nothing.
        counts: how many bytes each has, int32 `[texts]`.
        buckets: how many there are, at least 1.
        seed: another one gives other collisions.
    """
    xp = namespace(rows)
    longest = rows.shape[1]
    state = xp.full(rows.shape[:1], seed, np.uint32)
    inside = np.arange(longest, dtype=np.int32) < counts[:, None]
    clean = xp.where(inside, rows, np.uint8(0)).astype(np.uint32)
    for start in range(0, longest, 4):
        word = xp.zeros(rows.shape[:1], np.uint32)
        for place in range(start, min(longest, start + 4)):
            word = word | (clean[:, place] << np.uint32(8 * (place - start)))
        tail = state ^ _scramble(word)
        begun = xp.where(counts > start, tail, state)
        state = xp.where(counts >= start + 4, _mix(state, word), begun)
    return _bucket(state ^ counts.astype(np.uint32), buckets)


def _rotate(word: Array, by: int) -> Array:
    return (word << np.uint32(by)) | (word >> np.uint32(32 - by))


def _scramble(word: Array) -> Array:
    return _rotate(word * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)


def _mix(state: Array, word: Array) -> Array:
    return _rotate(state ^ _scramble(word), 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _bucket(state: Array, buckets: int) -> Array:
    """The finaliser, and the remainder."""
    state = (state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    state = (state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    state = state ^ (state >> np.uint32(16))
    return (state % np.uint32(buckets)).astype(np.int32)

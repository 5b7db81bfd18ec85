"""Keys for functions on the host that draw: one for each example, and another in each pass.

def crop(columns, keys):
    top = keys[:, 0] % 5  # a whole number from 0 to 4 for each example
    noise = [generator_of(key).normal(size=8) for key in keys]  # anything else
"""

from __future__ import annotations

import hashlib

import numpy as np


def keys_of(seed: int, index: np.ndarray) -> np.ndarray:
    """A key for each example: a pure function of the seed and where the example stands.

    Args:
        seed: any whole number.
        index: int `[n]`, places in a source. In a `Repeated` one each pass has its own.

    Returns:
        uint64 `[n, 2]`: 128 random bits each.

    Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators" (SplitMix64
    and its step), two of its sequences, begun at the SHA-256 of the seed.
    """
    begin = np.frombuffer(hashlib.sha256(str(int(seed)).encode()).digest()[:16], "<u8")
    places = np.asarray(index).astype(np.uint64)[:, None] + np.uint64(1)
    bits = places * np.uint64(0x9E3779B97F4A7C15) + begin
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def generator_of(key: np.ndarray) -> np.random.Generator:
    """NumPy's generator for a key, uint64 `[2]` (Philox; Salmon et al. 2011)."""
    return np.random.Generator(np.random.Philox(key=key))

"""Chorales for tests: voices that wander, in place of Bach's."""

from __future__ import annotations

import numpy as np

from research.sequence.chorales.chords import QUARTER

LOWEST, HIGHEST = np.array([60, 53, 48, 36]), np.array([81, 74, 69, 63])


def made_up(split: str) -> list[np.ndarray]:
    """Chorales of 20 to 60 chords, which change each quarter note or not, int32 `[chords, 4]`."""
    draw = np.random.default_rng(len(split))
    chorales = []
    for quarters in draw.integers(5, 16, size=60):
        steps = draw.integers(-2, 3, size=(quarters, 4)).cumsum(axis=0)
        notes = np.clip(steps + (LOWEST + HIGHEST) // 2, LOWEST, HIGHEST)
        notes[draw.random(notes.shape) < 0.02] = 0
        chorales.append(np.repeat(notes, QUARTER, axis=0).astype(np.int32))
    chorales[0][:2] = LOWEST, HIGHEST
    return chorales

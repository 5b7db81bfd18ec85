"""Pendulum drawn for people: a rod on a joint, to be held upright."""

from __future__ import annotations

import numpy as np

from research.rl.environments.painting import (
    DARK,
    GREY,
    ORANGE,
    bar,
    blank,
    make_palette,
    paint,
    pixels,
)

SIZE = 200
"""A frame's sides, pixels."""
SECONDS = 0.05
"""A step takes so long."""
PALETTE = make_palette([GREY, ORANGE, DARK])
"""uint8 `[colours, 3]`: paper, then mark, rod and joint."""
SCALE = SIZE / 2.6
"""Pixels of the rod, which is 1 long."""
_THICK = 7.0


def draw(observations: np.ndarray) -> np.ndarray:
    """Frames of Pendulum.

    Args:
        observations: float32 `[frames, 3]`: cosine and sine of the angle, 0 upright and growing to
            the left, and its speed.

    Returns:
        uint8 `[frames, 200, 200]`, indices of colours in `PALETTE`. A mark shows where upright is.
    """
    rows, columns = pixels(SIZE, SIZE)
    middle = SIZE / 2
    right, down = columns - middle, rows - middle
    above = -down - SCALE - _THICK - 6.0
    mark = np.maximum(np.abs(right) - 1.5, np.abs(above) - 4.0)
    paper = paint(blank(SIZE, SIZE), mark, 0)
    joint = np.hypot(right, down) - 3.0
    frames = np.empty((len(observations), SIZE, SIZE), np.uint8)
    for frame, (cosine, sine, _) in zip(frames, observations, strict=True):
        rod = bar(right, down, (-SCALE * float(sine), -SCALE * float(cosine)), _THICK)
        frame[:] = paint(paint(paper, rod, 1), joint, 2)
    return frames

"""Acrobot drawn for people: two links that hang from a pivot, and the line to be reached."""

from __future__ import annotations

import numpy as np

from research.rl.environments.painting import (
    BLUE,
    DARK,
    GREY,
    ORANGE,
    bar,
    blank,
    make_palette,
    paint,
    pixels,
)

SIZE = 240
"""A frame's sides, pixels."""
SECONDS = 1 / 15
"""Seconds that a step is shown for, as by gymnasium; in the world it takes 0.2 s."""
PALETTE = make_palette([GREY, BLUE, ORANGE, DARK])
"""uint8 `[colours, 3]`: paper, then line, upper link, lower link and joints."""
SCALE = SIZE / 4.4
"""Pixels of a link, which is 1 long."""
_THICK = 5.0


def draw(observations: np.ndarray) -> np.ndarray:
    """Frames of Acrobot.

    Args:
        observations: float32 `[frames, 6]`: cosine and sine of the first link's angle (0 hanging
            down), of the second link's relative to it, and both speeds. The episode ends when the
            tip is higher than the line, one link above the pivot.

    Returns:
        uint8 `[frames, 240, 240]`, indices of colours in `PALETTE`.
    """
    rows, columns = pixels(SIZE, SIZE)
    middle = SIZE / 2
    line = np.maximum(np.abs(rows - (middle - SCALE)) - 0.75, np.abs(columns - middle) - 110.0)
    paper = paint(blank(SIZE, SIZE), line, 0)
    right, down = columns - middle, rows - middle
    frames = np.empty((len(observations), SIZE, SIZE), np.uint8)
    for frame, (cosine1, sine1, cosine2, sine2, _, _) in zip(frames, observations, strict=True):
        elbow = SCALE * float(sine1), SCALE * float(cosine1)
        # Both angles together, by the addition theorems.
        sine, cosine = sine1 * cosine2 + cosine1 * sine2, cosine1 * cosine2 - sine1 * sine2
        along = SCALE * float(sine), SCALE * float(cosine)
        from_elbow = right - elbow[0], down - elbow[1]
        upper, lower = bar(right, down, elbow, _THICK), bar(*from_elbow, along, _THICK)
        joints = np.minimum(np.hypot(right, down), np.hypot(*from_elbow)) - 2.5
        frame[:] = paint(paint(paint(paper, upper, 1), lower, 2), joints, 3)
    return frames

"""CartPole drawn for people: a cart on a track, and the pole that stands on it."""

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

WIDTH, HEIGHT = 360, 150
"""Of a frame, pixels."""
SECONDS = 0.02
"""Between two steps."""
PALETTE = make_palette([GREY, BLUE, ORANGE, DARK])
"""uint8 `[colours, 3]`: paper, then track, cart, pole and axle."""
_SCALE = WIDTH / 5.4
_TRACK = 122.0
_CART = (46.0, 26.0)
_POLE = 1.0 * _SCALE
_THICK = 4.0


def draw(observations: np.ndarray) -> np.ndarray:
    """Frames of CartPole.

    Args:
        observations: float32 `[frames, 4]`: position, speed, angle (radians, to the right), and
            its speed. The track reaches from -2.7 to 2.7; the episode ends at ±2.4.

    Returns:
        uint8 `[frames, 150, 360]`, indices of colours in `PALETTE`.
    """
    rows, columns = pixels(HEIGHT, WIDTH)
    ends = WIDTH / 2 + _SCALE * np.array([-2.4, 2.4])
    track = np.abs(rows - _TRACK) - 0.75
    posts = np.maximum(
        np.minimum(*(np.abs(columns - end) for end in ends)) - 0.75, np.abs(rows - _TRACK) - 5.0
    )
    paper = paint(blank(HEIGHT, WIDTH), np.minimum(track, posts), 0)
    frames = np.empty((len(observations), HEIGHT, WIDTH), np.uint8)
    for frame, (position, _, angle, _) in zip(frames, observations, strict=True):
        x = WIDTH / 2 + _SCALE * float(position)
        y = _TRACK - _CART[1] / 2 - 3.0
        cart = np.maximum(np.abs(columns - x) - _CART[0] / 2, np.abs(rows - y) - _CART[1] / 2)
        right, down = columns - x, rows - (y - _CART[1] / 2 + 4.0)
        along = _POLE * np.sin(float(angle)), -_POLE * np.cos(float(angle))
        pole = bar(right, down, along, _THICK)
        axle = np.hypot(right, down) - 2.5
        frame[:] = paint(paint(paint(paper, cart, 1), pole, 2), axle, 3)
    return frames

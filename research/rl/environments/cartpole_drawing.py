"""CartPole drawn for people: a cart on a track, and the pole that stands on it."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT = 360, 150
"""Of a frame, pixels."""
SECONDS = 0.02
"""Between two steps."""
_SCALE = WIDTH / 5.4
_TRACK = 122.0
_CART = (46.0, 26.0)
_POLE = 1.0 * _SCALE
_THICK = 4.0
_LEVELS = 8

_PAPER = np.array([244, 243, 238])
_INKS = np.array([[120, 122, 128], [52, 73, 102], [214, 120, 40], [24, 30, 40]])


def _palette() -> np.ndarray:
    share = np.arange(1, _LEVELS + 1)[None, :, None] / _LEVELS
    ramps = _PAPER + share * (_INKS[:, None] - _PAPER)
    return np.concatenate([_PAPER[None], ramps.reshape(-1, 3)]).round().astype(np.uint8)


PALETTE = _palette()
"""uint8 `[colours, 3]`: paper, then for track, cart, pole and axle as many steps from it."""


def draw(observations: np.ndarray) -> np.ndarray:
    """Frames of CartPole.

    Args:
        observations: float32 `[frames, 4]`: position, speed, angle (radians, to the right), and
            its speed. The track reaches from -2.7 to 2.7; the episode ends at ±2.4.

    Returns:
        uint8 `[frames, 150, 360]`, numbers of colours in `PALETTE`.
    """
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) + 0.5
    ends = WIDTH / 2 + _SCALE * np.array([-2.4, 2.4])
    track = np.abs(rows - _TRACK) - 0.75
    posts = np.maximum(
        np.minimum(*(np.abs(columns - end) for end in ends)) - 0.75, np.abs(rows - _TRACK) - 5.0
    )
    paper = _paint(np.zeros((HEIGHT, WIDTH), np.uint8), np.minimum(track, posts), 0)
    frames = np.empty((len(observations), HEIGHT, WIDTH), np.uint8)
    for frame, (position, _, angle, _) in zip(frames, observations, strict=True):
        x = WIDTH / 2 + _SCALE * float(position)
        y = _TRACK - _CART[1] / 2 - 3.0
        cart = np.maximum(np.abs(columns - x) - _CART[0] / 2, np.abs(rows - y) - _CART[1] / 2)
        axle_y = y - _CART[1] / 2 + 4.0
        along = np.array([np.sin(float(angle)), -np.cos(float(angle))]) * _POLE
        right, down = columns - x, rows - axle_y
        share = np.clip((right * along[0] + down * along[1]) / _POLE**2, 0.0, 1.0)
        pole = np.hypot(right - share * along[0], down - share * along[1]) - _THICK
        axle = np.hypot(right, down) - 2.5
        frame[:] = _paint(_paint(_paint(paper, cart, 1), pole, 2), axle, 3)
    return frames


def _paint(below: np.ndarray, distance: np.ndarray, ink: int) -> np.ndarray:
    """`below` with a shape on it, given by the distance of each pixel's centre from its edge.

    A pixel on the edge takes a step of the ink's own ramp, which is smooth on paper; on other ink
    only what is covered by half is painted.
    """
    level = np.rint(np.clip(0.5 - distance, 0.0, 1.0) * _LEVELS).astype(np.uint8)
    shown = np.where(below == 0, level > 0, level * 2 > _LEVELS)
    # Over other ink a step towards paper would leave a pale seam.
    level = np.where(below == 0, level, _LEVELS).astype(np.uint8)
    return np.where(shown, 1 + ink * _LEVELS + level - 1, below).astype(np.uint8)

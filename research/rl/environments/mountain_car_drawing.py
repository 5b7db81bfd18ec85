"""Both mountain cars drawn for people: a car in a valley, and the flag on the hill."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from research.rl.environments.painting import (
    BLUE,
    DARK,
    ORANGE,
    PALE,
    bar,
    blank,
    make_palette,
    paint,
    pixels,
)

WIDTH, HEIGHT = 360, 250
"""Of a frame, pixels."""
SECONDS = 1 / 30
"""Seconds that a step is shown for, as by gymnasium; the world has none."""
PALETTE = make_palette([PALE, DARK, ORANGE, BLUE])
"""uint8 `[colours, 3]`: paper, then ground, its edge and wheels, flag, and car."""
_LEFT, _RIGHT = -1.2, 0.6
SCALE = WIDTH / (_RIGHT - _LEFT)
_WHEEL = 5.0


def height_of(position: np.ndarray | float) -> np.ndarray:
    """The hill's height at a position, from 0.1 to 1: sin(3x) · 0.45 + 0.55.

    Source: Moore 1990; as gymnasium draws it.
    """
    return np.sin(3.0 * np.asarray(position)) * 0.45 + 0.55


def place_of(position: float) -> tuple[float, float]:
    """Column and row of a point of the hill."""
    return SCALE * (position - _LEFT), HEIGHT - SCALE * float(height_of(position))


def make_draw(goal: float) -> Callable[[np.ndarray], np.ndarray]:
    """A function that draws frames.

    Args:
        goal: the position of the flag.

    Returns:
        (observations float32 `[frames, 2]`: position and speed) -> uint8 `[frames, 250, 360]`,
        indices of colours in `PALETTE`.
    """

    def draw(observations: np.ndarray) -> np.ndarray:
        rows, columns = pixels(HEIGHT, WIDTH)
        position = columns / SCALE + _LEFT
        slope = 1.35 * np.cos(3.0 * position)
        # Along the vertical first: divided by this it is nearly the distance from the curve.
        above = (HEIGHT - SCALE * height_of(position) - rows) / np.sqrt(1.0 + slope**2)
        paper = paint(paint(blank(HEIGHT, WIDTH), above, 0), np.abs(above) - 1.0, 1)
        column, row = place_of(goal)
        pole = np.maximum(np.abs(columns - column) - 1.0, np.abs(rows - row + 18.0) - 18.0)
        across = columns - column
        flag = np.maximum(np.abs(rows - row + 30.0) - 6.0 + 0.4 * across, -across)
        paper = paint(paint(paper, pole, 1), flag, 2)
        frames = np.empty((len(observations), HEIGHT, WIDTH), np.uint8)
        for frame, (where, _) in zip(frames, observations, strict=True):
            frame[:] = _with_car(paper, rows, columns, float(where))
        return frames

    return draw


def _with_car(
    paper: np.ndarray, rows: np.ndarray, columns: np.ndarray, position: float
) -> np.ndarray:
    column, row = place_of(position)
    # Only the neighbourhood changes: painting it alone takes a twentieth of the time.
    top, left = max(0, int(row) - 40), max(0, int(column) - 40)
    near = np.s_[top : int(row) + 40, left : int(column) + 40]
    right, down = columns[near] - column, rows[near] - row
    angle = np.arctan(1.35 * np.cos(3.0 * position))
    along, over = (
        right * np.cos(angle) - down * np.sin(angle),
        right * np.sin(angle) + down * np.cos(angle),
    )
    body = bar(along + 11.0, over + 11.0, (22.0, 0.0), 7.0)
    wheels = np.hypot(np.abs(along) - 10.0, over + _WHEEL) - _WHEEL
    frame = paper.copy()
    frame[near] = paint(paint(paper[near], body, 3), wheels, 1)
    return frame

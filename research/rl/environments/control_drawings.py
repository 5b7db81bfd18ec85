"""Drawings of classic control: CartPole, Acrobot, Pendulum, and the cars in a valley.

Each takes observations and gives indices of colours: paper, and the steps to each of its inks.
"""

from __future__ import annotations

import numpy as np

from research.rl.environments.interface import Renderer
from research.rl.environments.painting import (
    BLUE,
    DARK,
    GREY,
    ORANGE,
    PALE,
    bar,
    blank,
    make_palette,
    paint,
    pixels,
)

CARTPOLE_SIZE = (150, 360)
"""Height and width of a frame, pixels."""
CARTPOLE_SCALE = 360 / 5.4
"""Pixels of the unit of the cart's position; the pole is as long."""
_TRACK = 122.0
_CART = (46.0, 26.0)
_POLE = 4.0


def _draw_cartpole(observations: np.ndarray) -> np.ndarray:
    """A cart on a track, and the pole that stands on it.

    Args:
        observations: float32 `[frames, 4]`: position, speed, angle (radians, to the right), and
            its speed. The track reaches from -2.7 to 2.7; the episode ends at ±2.4.
    """
    rows, columns = pixels(*CARTPOLE_SIZE)
    middle = CARTPOLE_SIZE[1] / 2
    ends = middle + CARTPOLE_SCALE * np.array([-2.4, 2.4])
    track = np.abs(rows - _TRACK) - 0.75
    posts = np.maximum(
        np.minimum(*(np.abs(columns - end) for end in ends)) - 0.75, np.abs(rows - _TRACK) - 5.0
    )
    paper = paint(blank(*CARTPOLE_SIZE), np.minimum(track, posts), 0)
    frames = np.empty((len(observations), *CARTPOLE_SIZE), np.uint8)
    for frame, (position, _, angle, _) in zip(frames, observations, strict=True):
        x = middle + CARTPOLE_SCALE * float(position)
        y = _TRACK - _CART[1] / 2 - 3.0
        cart = np.maximum(np.abs(columns - x) - _CART[0] / 2, np.abs(rows - y) - _CART[1] / 2)
        right, down = columns - x, rows - (y - _CART[1] / 2 + 4.0)
        along = CARTPOLE_SCALE * np.sin(float(angle)), -CARTPOLE_SCALE * np.cos(float(angle))
        pole = bar(right, down, along, _POLE)
        axle = np.hypot(right, down) - 2.5
        frame[:] = paint(paint(paint(paper, cart, 1), pole, 2), axle, 3)
    return frames


CARTPOLE = Renderer(_draw_cartpole, make_palette([GREY, BLUE, ORANGE, DARK]), 0.02)
"""Track, cart, pole and axle."""

ACROBOT_SIZE = 240
"""A frame's sides, pixels."""
ACROBOT_SCALE = ACROBOT_SIZE / 4.4
"""Pixels of a link, which is 1 long."""
_LINK = 5.0


def _draw_acrobot(observations: np.ndarray) -> np.ndarray:
    """Two links that hang from a pivot, and the line to be reached.

    Args:
        observations: float32 `[frames, 6]`: cosine and sine of the first link's angle (0 hanging
            down), of the second link's relative to it, and both speeds. The episode ends when the
            tip is higher than the line, one link above the pivot.
    """
    size, scale = ACROBOT_SIZE, ACROBOT_SCALE
    rows, columns = pixels(size, size)
    middle = size / 2
    line = np.maximum(np.abs(rows - (middle - scale)) - 0.75, np.abs(columns - middle) - 110.0)
    paper = paint(blank(size, size), line, 0)
    right, down = columns - middle, rows - middle
    frames = np.empty((len(observations), size, size), np.uint8)
    for frame, (cosine1, sine1, cosine2, sine2, _, _) in zip(frames, observations, strict=True):
        elbow = scale * float(sine1), scale * float(cosine1)
        # Both angles together, by the addition theorems.
        sine, cosine = sine1 * cosine2 + cosine1 * sine2, cosine1 * cosine2 - sine1 * sine2
        along = scale * float(sine), scale * float(cosine)
        from_elbow = right - elbow[0], down - elbow[1]
        upper, lower = bar(right, down, elbow, _LINK), bar(*from_elbow, along, _LINK)
        joints = np.minimum(np.hypot(right, down), np.hypot(*from_elbow)) - 2.5
        frame[:] = paint(paint(paint(paper, upper, 1), lower, 2), joints, 3)
    return frames


# As by gymnasium: in the world a step takes 0.2 s.
ACROBOT = Renderer(_draw_acrobot, make_palette([GREY, BLUE, ORANGE, DARK]), 1 / 15)
"""Line, upper link, lower link and joints."""

PENDULUM_SIZE = 200
"""A frame's sides, pixels."""
PENDULUM_SCALE = PENDULUM_SIZE / 2.6
"""Pixels of the rod, which is 1 long."""
_ROD = 7.0


def _draw_pendulum(observations: np.ndarray) -> np.ndarray:
    """A rod on a joint, to be held upright, where a mark is.

    Args:
        observations: float32 `[frames, 3]`: cosine and sine of the angle, 0 upright and growing to
            the left, and its speed.
    """
    size, scale = PENDULUM_SIZE, PENDULUM_SCALE
    rows, columns = pixels(size, size)
    right, down = columns - size / 2, rows - size / 2
    above = -down - scale - _ROD - 6.0
    mark = np.maximum(np.abs(right) - 1.5, np.abs(above) - 4.0)
    paper = paint(blank(size, size), mark, 0)
    joint = np.hypot(right, down) - 3.0
    frames = np.empty((len(observations), size, size), np.uint8)
    for frame, (cosine, sine, _) in zip(frames, observations, strict=True):
        rod = bar(right, down, (-scale * float(sine), -scale * float(cosine)), _ROD)
        frame[:] = paint(paint(paper, rod, 1), joint, 2)
    return frames


PENDULUM = Renderer(_draw_pendulum, make_palette([GREY, ORANGE, DARK]), 0.05)
"""Mark, rod and joint."""

VALLEY_SIZE = (250, 360)
"""Height and width of a frame, pixels."""
_LEFT, _RIGHT = -1.2, 0.6
VALLEY_SCALE = VALLEY_SIZE[1] / (_RIGHT - _LEFT)
_WHEEL = 5.0


def height_of(position: np.ndarray | float) -> np.ndarray:
    """The hill's height at a position, from 0.1 to 1: sin(3x) · 0.45 + 0.55.

    Source: Moore 1990; as gymnasium draws it.
    """
    return np.sin(3.0 * np.asarray(position)) * 0.45 + 0.55


def place_of(position: float) -> tuple[float, float]:
    """Column and row of a point of the hill."""
    row = VALLEY_SIZE[0] - VALLEY_SCALE * float(height_of(position))
    return VALLEY_SCALE * (position - _LEFT), row


def valley_renderer(goal: float) -> Renderer:
    """Draws a car in a valley, and the flag: ground, its edge and wheels, flag, car.

    Observations are float32 `[frames, 2]`, position and speed.

    Args:
        goal: the position of the flag.
    """

    def draw(observations: np.ndarray) -> np.ndarray:
        rows, columns = pixels(*VALLEY_SIZE)
        position = columns / VALLEY_SCALE + _LEFT
        slope = 1.35 * np.cos(3.0 * position)
        # Along the vertical first: divided by this it is nearly the distance from the curve.
        vertical = VALLEY_SIZE[0] - VALLEY_SCALE * height_of(position) - rows
        above = vertical / np.sqrt(1.0 + slope**2)
        paper = paint(paint(blank(*VALLEY_SIZE), above, 0), np.abs(above) - 1.0, 1)
        column, row = place_of(goal)
        pole = np.maximum(np.abs(columns - column) - 1.0, np.abs(rows - row + 18.0) - 18.0)
        across = columns - column
        flag = np.maximum(np.abs(rows - row + 30.0) - 6.0 + 0.4 * across, -across)
        paper = paint(paint(paper, pole, 1), flag, 2)
        frames = np.empty((len(observations), *VALLEY_SIZE), np.uint8)
        for frame, (where, _) in zip(frames, observations, strict=True):
            frame[:] = _with_car(paper, rows, columns, float(where))
        return frames

    # As by gymnasium: the world has no time.
    return Renderer(draw, make_palette([PALE, DARK, ORANGE, BLUE]), 1 / 30)


def _with_car(
    paper: np.ndarray, rows: np.ndarray, columns: np.ndarray, position: float
) -> np.ndarray:
    column, row = place_of(position)
    # Only the neighbourhood changes: painting it alone takes a twentieth of the time.
    top, left = max(0, int(row) - 40), max(0, int(column) - 40)
    near = np.s_[top : int(row) + 40, left : int(column) + 40]
    right, down = columns[near] - column, rows[near] - row
    angle = np.arctan(1.35 * np.cos(3.0 * position))
    along = right * np.cos(angle) - down * np.sin(angle)
    over = right * np.sin(angle) + down * np.cos(angle)
    body = bar(along + 11.0, over + 11.0, (22.0, 0.0), 7.0)
    wheels = np.hypot(np.abs(along) - 10.0, over + _WHEEL) - _WHEEL
    frame = paper.copy()
    frame[near] = paint(paint(paper[near], body, 3), wheels, 1)
    return frame

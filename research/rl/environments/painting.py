"""Shapes with smooth edges in few colours, for environments that are drawn for people.

A shape is the signed distance of each pixel's centre from its edge, in pixels, negative within.
"""

from __future__ import annotations

import numpy as np

LEVELS = 8
"""Steps from paper to each ink."""
PAPER = np.array([244, 243, 238])
"""Red, green and blue of what nothing is painted on."""
GREY, BLUE, ORANGE, DARK = [120, 122, 128], [52, 73, 102], [214, 120, 40], [24, 30, 40]
"""Inks: for the ground, bodies, what moves on them, and joints."""
PALE = [226, 225, 219]
"""A ground that is filled."""


def make_palette(inks: list[list[int]]) -> np.ndarray:
    """Paper, then for each ink as many steps from paper to it, uint8 `[1 + inks * LEVELS, 3]`."""
    share = np.arange(1, LEVELS + 1)[None, :, None] / LEVELS
    ramps = PAPER + share * (np.array(inks)[:, None] - PAPER)
    return np.concatenate([PAPER[None], ramps.reshape(-1, 3)]).round().astype(np.uint8)


def pixels(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels' centres, float32 `[height, width]` each."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    return rows, columns


def blank(height: int, width: int) -> np.ndarray:
    """Paper, uint8 `[height, width]`."""
    return np.zeros((height, width), np.uint8)


def bar(
    right: np.ndarray, down: np.ndarray, along: tuple[float, float], thick: float
) -> np.ndarray:
    """A bar with round ends.

    Args:
        right: columns from where it begins, `[height, width]`.
        down: rows from there.
        along: where it ends, right and down of where it begins.
        thick: half its width.
    """
    x, y = along
    share = np.clip((right * x + down * y) / (x * x + y * y), 0.0, 1.0)
    return np.hypot(right - share * x, down - share * y) - thick


def paint(below: np.ndarray, distance: np.ndarray, ink: int) -> np.ndarray:
    """`below` with a shape on it.

    A pixel on the edge takes a step of the ink's own ramp, which is smooth on paper; on other ink
    only what is covered by half is painted.

    Args:
        below: uint8 `[height, width]`, indices of colours.
        distance: the shape.
        ink: which of the palette's inks, from 0.
    """
    level = np.rint(np.clip(0.5 - distance, 0.0, 1.0) * LEVELS).astype(np.uint8)
    visible = np.where(below == 0, level > 0, level * 2 > LEVELS)
    # Over other ink a step towards paper would leave a pale seam.
    level = np.where(below == 0, level, LEVELS).astype(np.uint8)
    return np.where(visible, 1 + ink * LEVELS + level - 1, below).astype(np.uint8)

"""Painting for environments that are drawn for people: smooth shapes in few colours, and tiles.

A shape is the signed distance of each pixel's centre from its edge, in pixels, negative within.
A world of tiles is made of square cells.
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
    """A bar with round ends, `thick` being half its width.

    `right` and `down` are columns and rows from where it begins, `[height, width]`; `along` is
    where it ends, right and down of there.
    """
    x, y = along
    share = np.clip((right * x + down * y) / (x * x + y * y), 0.0, 1.0)
    return np.hypot(right - share * x, down - share * y) - thick


def paint(below: np.ndarray, distance: np.ndarray, ink: int) -> np.ndarray:
    """`below`, uint8 `[height, width]` indices of colours, with a shape on it.

    A pixel on the edge takes a step of the ink's own ramp, which is smooth on paper; on other ink
    only what is covered by half is painted. Inks are counted from 0.
    """
    level = np.rint(np.clip(0.5 - distance, 0.0, 1.0) * LEVELS).astype(np.uint8)
    visible = np.where(below == 0, level > 0, level * 2 > LEVELS)
    # Over other ink a step towards paper would leave a pale seam.
    level = np.where(below == 0, level, LEVELS).astype(np.uint8)
    return np.where(visible, 1 + ink * LEVELS + level - 1, below).astype(np.uint8)


CELL = 24
"""Pixels of a cell's side, where a world has few."""
SECONDS = 0.12
"""Seconds that a step is shown for; these worlds have none of their own."""


def disc(side: int, share: float) -> np.ndarray:
    """The pixels of a disc in the middle of a cell, bool `[side, side]`.

    Its diameter is a share of the side.
    """
    across = np.arange(side) + 0.5 - side / 2
    return np.hypot(across[:, None], across[None]) < share * side / 2


def square(side: int, share: float) -> np.ndarray:
    """The pixels of a square in the middle of a cell, bool `[side, side]`; as `disc`."""
    across = np.abs(np.arange(side) + 0.5 - side / 2) < share * side / 2
    return across[:, None] & across[None]


def enlarge(cells: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A shape, bool `[side, side]`, in each cell that has one; 0 beside the shape.

    Cells `[..., rows, columns]` are indices of colours, or whether there is anything; the result is
    `[..., rows * side, columns * side]`.
    """
    *leading, rows, columns = cells.shape
    side = len(shape)
    spread = cells[..., :, None, :, None] * shape[:, None, :]
    return spread.reshape(*leading, rows * side, columns * side)


def repeat(floor: np.ndarray, frames: int) -> np.ndarray:
    """As many frames, all alike: uint8 `[frames, height, width]`."""
    return np.repeat(floor[None], frames, 0)


def stamp(frames: np.ndarray, cells: np.ndarray, shape: np.ndarray, colour: int) -> None:
    """Paint a shape, bool `[side, side]`, into one cell (row, column) of each frame."""
    side = len(shape)
    for frame, (row, column) in zip(frames, cells * side, strict=True):
        frame[row : row + side, column : column + side][shape] = colour

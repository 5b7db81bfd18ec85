"""Worlds of square cells, for environments that are drawn for people."""

from __future__ import annotations

import numpy as np

CELL = 24
"""Pixels of a cell's side, where a world has few."""
SECONDS = 0.12
"""Seconds that a step is shown for; these worlds have none of their own."""


def disc(side: int, share: float) -> np.ndarray:
    """The pixels of a disc in the middle of a cell, bool `[side, side]`.

    Args:
        side: of the cell, pixels.
        share: the disc's diameter of the side.
    """
    across = np.arange(side) + 0.5 - side / 2
    return np.hypot(across[:, None], across[None]) < share * side / 2


def square(side: int, share: float) -> np.ndarray:
    """The pixels of a square in the middle of a cell, bool `[side, side]`; as `disc`."""
    across = np.abs(np.arange(side) + 0.5 - side / 2) < share * side / 2
    return across[:, None] & across[None]


def enlarge(cells: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A shape in each cell that has one.

    Args:
        cells: `[..., rows, columns]`, indices of colours, or whether there is anything.
        shape: bool `[side, side]`.

    Returns:
        `[..., rows * side, columns * side]`, 0 beside the shape.
    """
    *leading, rows, columns = cells.shape
    side = len(shape)
    spread = cells[..., :, None, :, None] * shape[:, None, :]
    return spread.reshape(*leading, rows * side, columns * side)


def repeat(floor: np.ndarray, frames: int) -> np.ndarray:
    """As many frames, all alike: uint8 `[frames, height, width]`."""
    return np.repeat(floor[None], frames, 0)


def stamp(frames: np.ndarray, cells: np.ndarray, shape: np.ndarray, colour: int) -> None:
    """Paint a shape into one cell of each frame, in place.

    Args:
        frames: uint8 `[frames, height, width]`, indices of colours.
        cells: int `[frames, 2]`, row and column.
        shape: bool `[side, side]`.
        colour: its index.
    """
    side = len(shape)
    for frame, (row, column) in zip(frames, cells * side, strict=True):
        frame[row : row + side, column : column + side][shape] = colour

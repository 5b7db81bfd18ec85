"""Small worlds on a grid drawn for people: Catch, the deep sea, and four rooms."""

from __future__ import annotations

import numpy as np

from research.rl.environments.environment import Renderer
from research.rl.environments.painting import BLUE, DARK, GREY, ORANGE, PAPER
from research.rl.environments.tiles import CELL, SECONDS, disc, enlarge, repeat, square, stamp

CATCH_PALETTE = np.array([PAPER, DARK, ORANGE], np.uint8)
"""uint8 `[colours, 3]`: nothing, paddle, ball."""
SEA_PALETTE = np.array([PAPER, GREY, [200, 216, 226], [222, 178, 58], ORANGE], np.uint8)
"""uint8 `[colours, 3]`: between cells, out of reach, water, treasure, diver."""
ROOMS_PALETTE = np.array([PAPER, BLUE, [120, 170, 110], ORANGE], np.uint8)
"""uint8 `[colours, 3]`: floor, wall, goal, agent."""
FOUR_ROOMS = (
    "#############",
    "#     #     #",
    "#     #     #",
    "#           #",
    "#     #     #",
    "#     #     #",
    "## ####     #",
    "#     ### ###",
    "#     #     #",
    "#     #     #",
    "#           #",
    "#     #     #",
    "#############",
)
"""The map of Sutton, Precup & Singh 1999, figure 2."""


def _draw_catch(observations: np.ndarray) -> np.ndarray:
    """Frames of Catch.

    Args:
        observations: float32 `[frames, rows, columns]`, 1 where the ball is and where the paddle
            is, which lies in the last row. A ball in that row looks like the paddle: a
            caught one is painted on it, a missed one as another paddle.
    """
    there = observations > 0.5
    paddle, ball = there.copy(), there.copy()
    paddle[:, :-1] = ball[:, -1] = False
    caught = ~ball.any((1, 2)) & (paddle.sum((1, 2)) == 1)
    ball |= paddle & caught[:, None, None]
    frames = enlarge(paddle, square(CELL, 0.92)).astype(np.uint8)
    frames[enlarge(ball, disc(CELL, 0.6))] = 2
    return frames


def _draw_sea(observations: np.ndarray) -> np.ndarray:
    """Frames of the deep sea.

    Args:
        observations: float32 `[frames, size, size]`, 1 where the diver is; who has come to the
            bottom is nowhere.
    """
    size = observations.shape[-1]
    ground = np.where(np.tri(size, dtype=bool), 2, 1).astype(np.uint8)
    ground[-1, -1] = 3
    frames = repeat(enlarge(ground, square(CELL, 0.96)), len(observations))
    frames[enlarge(observations > 0.5, disc(CELL, 2 / 3))] = 4
    return frames


def _draw_rooms(observations: np.ndarray) -> np.ndarray:
    """Frames of the four rooms.

    Args:
        observations: float32 `[frames, 4]`: row and column of the agent, then of the goal.
    """
    walls = np.array([list(row) for row in FOUR_ROOMS]) == "#"
    frames = repeat(enlarge(walls.astype(np.uint8), square(CELL, 1)), len(observations))
    cells = observations.astype(int)
    stamp(frames, cells[:, 2:], square(CELL, 1), 2)
    stamp(frames, cells[:, :2], disc(CELL, 2 / 3), 3)
    return frames


CATCH = Renderer(_draw_catch, CATCH_PALETTE, SECONDS)
DEEP_SEA = Renderer(_draw_sea, SEA_PALETTE, SECONDS)
ROOMS = Renderer(_draw_rooms, ROOMS_PALETTE, SECONDS)

"""Drawings of worlds on a grid: Catch, the deep sea, four rooms, frozen lakes and mazes."""

from __future__ import annotations

import numpy as np

from research.rl.environments.interface import Renderer
from research.rl.environments.maze import GOAL, START, Maze
from research.rl.environments.painting import (
    BLUE,
    CELL,
    DARK,
    GREY,
    ORANGE,
    PAPER,
    SECONDS,
    disc,
    enlarge,
    repeat,
    square,
    stamp,
)

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


LAKE_CELL = 2 * CELL
"""Pixels of a cell's side."""
LAKE_PALETTE = np.array(
    [[170, 190, 205], [222, 234, 242], BLUE, [190, 205, 190], [120, 170, 110], ORANGE], np.uint8
)
"""uint8 `[colours, 3]`: between cells, ice, hole, start, goal, agent."""


def lake_renderer(rows: tuple[str, ...]) -> Renderer:
    """Draws indices of states, counted along the rows of a map of letters S, F, H and G."""
    tiles = np.array([list(row) for row in rows])
    ground = np.select([tiles == "S", tiles == "G"], [3, 4], 1).astype(np.uint8)
    holes = enlarge(tiles == "H", disc(LAKE_CELL, 0.8))
    floor = np.where(holes, np.uint8(2), enlarge(ground, square(LAKE_CELL, 0.96)))

    def draw(observations: np.ndarray) -> np.ndarray:
        frames = repeat(floor, len(observations))
        cells = np.stack(np.divmod(observations, tiles.shape[1]), -1)
        stamp(frames, cells, disc(LAKE_CELL, 0.5), 5)
        return frames

    return Renderer(draw, LAKE_PALETTE, SECONDS)


MAZE_PALETTE = np.array([PAPER, BLUE, [190, 205, 190], [120, 170, 110], ORANGE], np.uint8)
"""uint8 `[colours, 3]`: floor, wall, start, goal, agent."""


def maze_renderer(maze: Maze) -> Renderer:
    """Draws states of `maze`."""
    height, width = len(maze.rows), len(maze.rows[0])
    ground = np.ones((height, width), np.uint8)
    ground[tuple(maze.cells.T)] = 0
    ground[tuple(maze.cells[maze.tiles(START)].T)] = 2
    ground[tuple(maze.cells[maze.tiles(GOAL)].T)] = 3
    floor = enlarge(ground, square(CELL, 1))

    def draw(observations: np.ndarray) -> np.ndarray:
        frames = repeat(floor, len(observations))
        stamp(frames, maze.cells[observations], disc(CELL, 2 / 3), 4)
        return frames

    return Renderer(draw, MAZE_PALETTE, SECONDS)

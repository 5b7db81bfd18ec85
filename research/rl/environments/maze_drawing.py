"""A maze drawn for people: walls, the goal, and a marker where the agent is."""

from __future__ import annotations

import numpy as np

from research.rl.environments.environment import Renderer
from research.rl.environments.maze import GOAL, START, Maze
from research.rl.environments.painting import BLUE, ORANGE, PAPER
from research.rl.environments.tiles import CELL, SECONDS, disc, enlarge, repeat, square, stamp

PALETTE = np.array([PAPER, BLUE, [190, 205, 190], [120, 170, 110], ORANGE], np.uint8)
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

    return Renderer(draw, PALETTE, SECONDS)

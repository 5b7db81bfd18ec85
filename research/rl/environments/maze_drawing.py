"""A maze drawn for people: walls, the goal, and a marker where the agent is."""

from __future__ import annotations

import numpy as np

from research.rl.environments.environment import Renderer
from research.rl.environments.maze import GOAL, START, Maze

CELL = 24
"""Pixels of a cell's side."""
SECONDS = 0.12
"""A step is shown so long."""
PALETTE = np.array(
    [[244, 243, 238], [52, 73, 102], [190, 205, 190], [120, 170, 110], [214, 120, 40]], np.uint8
)
"""uint8 `[colours, 3]`: floor, wall, start, goal, agent."""


def maze_renderer(maze: Maze) -> Renderer:
    """Draws states of `maze`."""
    height, width = len(maze.rows), len(maze.rows[0])
    ground = np.ones((height, width), np.uint8)
    ground[tuple(maze.cells.T)] = 0
    ground[tuple(maze.cells[maze.tiles(START)].T)] = 2
    ground[tuple(maze.cells[maze.tiles(GOAL)].T)] = 3
    floor = np.kron(ground, np.ones((CELL, CELL), np.uint8))
    across = np.arange(CELL) + 0.5 - CELL / 2
    disc = np.hypot(across[:, None], across[None]) < CELL / 3

    def draw(observations: np.ndarray) -> np.ndarray:
        frames = np.repeat(floor[None], len(observations), 0)
        for frame, state in zip(frames, observations, strict=True):
            row, column = maze.cells[int(state)] * CELL
            frame[row : row + CELL, column : column + CELL][disc] = 4
        return frames

    return Renderer(draw, PALETTE, SECONDS)

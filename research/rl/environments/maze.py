"""A maze whose every step costs: from a map of text, or made at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from research.rl.environments.finite import FiniteMDP, make_finite

WALL, FLOOR, START, GOAL = "#", ".", "S", "G"
MOVES = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])
"""int `[actions, 2]`: rows and columns of a step left, down, right and up."""


class Maze(NamedTuple):
    """A map, and its states: the cells that can be entered.

    Attributes:
        rows: of the map, all of one length: `#` wall, `.` floor, `S` start, `G` goal.
        cells: int `[states, 2]`, row and column of each state.
    """

    rows: tuple[str, ...]
    cells: np.ndarray

    def tiles(self, kind: str) -> np.ndarray:
        """Bool `[states]`: which states are of this kind."""
        return np.array([self.rows[row][column] == kind for row, column in self.cells])


def read_maze(text: str | Sequence[str]) -> Maze:
    """A maze from its map, beyond whose edge there is wall.

    Args:
        text: lines of `#` (wall), `.` (floor), one `S` (start) and at least one `G` (goal).

    Raises:
        ValueError: the map is none of these, or no way leads from the start to a goal.
    """
    lines = text.splitlines() if isinstance(text, str) else list(text)
    rows = tuple(line.strip() for line in lines if line.strip())
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError("the rows of a maze must be of one length")
    strange = set("".join(rows)) - {WALL, FLOOR, START, GOAL}
    if strange:
        raise ValueError(f"a maze is made of #, ., S and G; {sorted(strange)} means nothing")
    if "".join(rows).count(START) != 1 or GOAL not in "".join(rows):
        raise ValueError("a maze has one start (S) and at least one goal (G)")
    grid = np.array([list(row) for row in rows])
    maze = Maze(rows, np.argwhere(grid != WALL))
    if not np.isfinite(distances(maze)[maze.tiles(START)]).all():
        raise ValueError("no way leads from the start (S) to a goal (G)")
    return maze


def random_maze(height: int, width: int, seed: int, openings: float = 0.1) -> Maze:
    """A maze of rooms and corridors in which every room can be reached.

    A depth-first walk from room to room takes walls away until all rooms are joined; then a share
    of those left go, `openings`, so that there is more than one way. The start is a corner and the
    goal the room that is farthest from it. Height and width count rooms.

    Raises:
        ValueError: fewer than two rooms.
    """
    if min(height, width) < 1 or height * width < 2:
        raise ValueError(f"a maze has at least two rooms, not {height} x {width}")
    generator = np.random.default_rng(seed)
    grid = np.full((2 * height + 1, 2 * width + 1), WALL)
    grid[1::2, 1::2] = FLOOR
    visited = np.zeros((height, width), bool)
    path = [(0, 0)]
    visited[0, 0] = True
    while path:
        row, column = path[-1]
        ways = [
            (row + down, column + right, down, right)
            for down, right in MOVES
            if 0 <= row + down < height
            and 0 <= column + right < width
            and not visited[row + down, column + right]
        ]
        if not ways:
            path.pop()
            continue
        after_row, after_column, down, right = ways[generator.integers(len(ways))]
        grid[2 * row + 1 + down, 2 * column + 1 + right] = FLOOR
        visited[after_row, after_column] = True
        path.append((after_row, after_column))
    inner = np.zeros_like(grid, bool)
    inner[1:-1:2, 2:-1:2] = inner[2:-1:2, 1:-1:2] = True
    grid[inner & (grid == WALL) & (generator.random(grid.shape) < openings)] = FLOOR
    grid[1, 1] = START
    far = grid.copy()
    far[1, 1] = GOAL
    cells = np.argwhere(far != WALL)
    steps = distances(Maze(tuple("".join(row) for row in far), cells))
    rooms = (cells % 2 == 1).all(-1)
    grid[tuple(cells[np.where(rooms, steps, -1).argmax()])] = GOAL
    return read_maze(["".join(row) for row in grid])


def neighbours(maze: Maze) -> np.ndarray:
    """Int `[states, actions]`: where each action leads; against a wall, nowhere."""
    index = {tuple(cell): state for state, cell in enumerate(maze.cells.tolist())}
    return np.array(
        [
            [index.get((row + int(down), column + int(right)), state) for down, right in MOVES]
            for state, (row, column) in enumerate(maze.cells.tolist())
        ]
    )


def distances(maze: Maze) -> np.ndarray:
    """Steps from each state to the nearest goal, float64 `[states]`; infinite where none leads."""
    ways = neighbours(maze)
    steps = np.where(maze.tiles(GOAL), 0.0, np.inf)
    for _ in range(len(steps)):
        steps = np.minimum(steps, 1 + steps[ways].min(-1))
    return steps


def maze_mdp(maze: Maze, step_reward: float = -1.0, slip: float = 0.0) -> FiniteMDP:
    """The maze as a process: every step pays the same, and goals end it.

    Args:
        maze: the map.
        step_reward: of each step, the last included; below 0 it is a cost.
        slip: the probability that a step goes in a direction drawn at random instead.
    """
    ways = neighbours(maze)
    states = len(ways)
    transition = np.zeros((states, len(MOVES), states))
    everywhere = np.arange(states)
    for action in range(len(MOVES)):
        transition[everywhere, action, ways[:, action]] += 1.0 - slip
        for other in range(len(MOVES)):
            transition[everywhere, action, ways[:, other]] += slip / len(MOVES)
    reward = np.full_like(transition, step_reward)
    return make_finite(
        transition, reward, int(maze.tiles(START).argmax()), terminal=maze.tiles(GOAL)
    )


CLASSIC = """
S..#....
.#.#.##.
.#...#..
.####.#.
......#.
.##.###.
...#....
.#...#.G
"""
"""The maze of the example: 8 x 8; the shortest way takes 16 steps."""

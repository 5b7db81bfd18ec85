"""Mazes: what a map means, and the shortest way against a breadth-first search."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from research.rl.environments.finite import solve
from research.rl.environments.grid_drawings import CELL, MAZE_PALETTE, maze_renderer
from research.rl.environments.maze import (
    CLASSIC,
    MOVES,
    START,
    distances,
    maze_mdp,
    random_maze,
    read_maze,
)


def _shortest(maze):
    """Breadth first, on the text itself."""
    grid = maze.rows
    start = next((r, row.index("S")) for r, row in enumerate(grid) if "S" in row)
    queue, seen = deque([(start, 0)]), {start}
    while queue:
        (row, column), steps = queue.popleft()
        if grid[row][column] == "G":
            return steps
        for down, right in MOVES.tolist():
            there = (row + down, column + right)
            inside = 0 <= there[0] < len(grid) and 0 <= there[1] < len(grid[0])
            if inside and there not in seen and grid[there[0]][there[1]] != "#":
                seen.add(there)
                queue.append((there, steps + 1))
    raise AssertionError("no way")


@pytest.mark.parametrize(
    "maze",
    [read_maze(CLASSIC), *(random_maze(5, 7, seed) for seed in range(5)), random_maze(1, 2, 0)],
    ids=str,
)
def test_the_best_value_is_the_shortest_way(maze):
    shortest = _shortest(maze)
    mdp = maze_mdp(maze)
    start = maze.tiles(START).argmax()
    assert distances(maze)[start] == shortest
    best = solve(mdp, 0.9)[start].max()
    assert best == pytest.approx(-(1 - 0.9**shortest) / 0.1)


def test_the_example_takes_sixteen_steps():
    assert _shortest(read_maze(CLASSIC)) == 16


def test_random_mazes_differ_and_repeat():
    one, again, other = (random_maze(6, 6, seed).rows for seed in (3, 3, 4))
    assert one == again != other


def test_a_slip_goes_anywhere():
    mdp = maze_mdp(read_maze("S.\n.G"), slip=0.4)
    np.testing.assert_allclose(mdp.transition[0, 2], [0.2, 0.7, 0.1, 0.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("S.\n.", "one length"),
        ("S?G", "means nothing"),
        ("S.S\n..G", "one start"),
        ("S..", "goal"),
        ("S#G", "no way"),
        ("", "one length"),
    ],
)
def test_what_is_no_maze_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_maze(text)


def test_it_is_drawn_where_it_is():
    maze = read_maze(CLASSIC)
    renderer = maze_renderer(maze)
    frames = renderer.draw(np.arange(len(maze.cells)))
    assert frames.shape == (len(maze.cells), 8 * CELL, 8 * CELL) and frames.max() < len(
        MAZE_PALETTE
    )
    for frame, (row, column) in zip(frames, maze.cells * CELL, strict=True):
        rows, columns = np.nonzero(frame == 4)
        assert (rows // CELL * CELL == row).all() and (columns // CELL * CELL == column).all()
        assert len(rows) > 100

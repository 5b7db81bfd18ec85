"""A frozen lake drawn for people: ice, holes, the goal, and a marker where the agent is."""

from __future__ import annotations

import numpy as np

from research.rl.environments.environment import Renderer
from research.rl.environments.painting import BLUE, ORANGE
from research.rl.environments.tiles import CELL, SECONDS, disc, enlarge, repeat, square, stamp

SIDE = 2 * CELL
"""Pixels of a cell's side."""
PALETTE = np.array(
    [[170, 190, 205], [222, 234, 242], BLUE, [190, 205, 190], [120, 170, 110], ORANGE], np.uint8
)
"""uint8 `[colours, 3]`: between cells, ice, hole, start, goal, agent."""


def lake_renderer(rows: tuple[str, ...]) -> Renderer:
    """Draws indices of states, which are counted along the rows.

    Args:
        rows: of the map, letters S, F, H and G.
    """
    tiles = np.array([list(row) for row in rows])
    ground = np.select([tiles == "S", tiles == "G"], [3, 4], 1).astype(np.uint8)
    holes = enlarge(tiles == "H", disc(SIDE, 0.8))
    floor = np.where(holes, np.uint8(2), enlarge(ground, square(SIDE, 0.96)))

    def draw(observations: np.ndarray) -> np.ndarray:
        frames = repeat(floor, len(observations))
        cells = np.stack(np.divmod(observations, tiles.shape[1]), -1)
        stamp(frames, cells, disc(SIDE, 0.5), 5)
        return frames

    return Renderer(draw, PALETTE, SECONDS)

"""Images of channels drawn for people: MinAtar's games and Pong, each channel in its own colour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from research.rl.environments.interface import Renderer
from research.rl.environments.painting import BLUE, DARK, GREY, ORANGE, PAPER, enlarge, square

RED, ROSE, GOLD = [176, 58, 46], [226, 160, 148], [222, 178, 58]
GREEN, SKY, PURPLE = [96, 150, 92], [130, 170, 205], [120, 40, 80]
TRAIL = [205, 200, 188]
"""The colour of trails."""
SECONDS = 0.1
"""Seconds that a step is shown for; games have none of their own."""


class Layer(NamedTuple):
    """The paint of one channel.

    Attributes:
        channel: its index.
        colour: red, green and blue.
        share: of a cell's side, the side of a square in its middle.
    """

    channel: int
    colour: list[int]
    share: float = 0.92


ASTERIX = (Layer(2, TRAIL, 0.4), Layer(1, RED), Layer(3, GOLD), Layer(0, DARK))
"""Trails, enemies, gold, and the player."""
BREAKOUT = (Layer(3, BLUE), Layer(2, TRAIL, 0.4), Layer(1, ORANGE, 0.6), Layer(0, DARK))
"""Bricks, where the ball was, the ball, and the paddle."""
FREEWAY = (
    Layer(6, [238, 212, 206], 0.5),
    Layer(5, ROSE, 0.5),
    Layer(4, [200, 110, 95], 0.5),
    Layer(3, RED, 0.5),
    Layer(2, [120, 30, 20], 0.5),
    Layer(1, BLUE),
    Layer(0, GOLD),
)
"""Trails, the paler the slower, cars, and the chicken."""
SEAQUEST = (
    Layer(7, SKY),
    Layer(8, GREEN, 0.5),
    Layer(3, TRAIL, 0.4),
    Layer(9, GREEN),
    Layer(5, RED),
    Layer(6, PURPLE),
    Layer(4, ROSE, 0.4),
    Layer(2, ORANGE, 0.4),
    Layer(1, GREY),
    Layer(0, DARK),
)
"""Oxygen and divers aboard (both in the last row), trails, divers, fish, enemy submarines, their
bullets and one's own, and one's own submarine from its stern to its bow."""
SPACE_INVADERS = (
    Layer(1, BLUE),
    Layer(2, SKY, 0.4),
    Layer(3, ROSE, 0.4),
    Layer(5, RED, 0.4),
    Layer(4, ORANGE, 0.4),
    Layer(0, DARK),
)
"""Aliens, with a mark for the direction that they go in, their bullets and one's own, and the
cannon."""
PONG = (Layer(2, TRAIL, 1), Layer(1, ORANGE, 1), Layer(0, DARK, 1))
"""Where the ball was, the ball, and the paddles; the left one is the player's."""


def channel_renderer(layers: tuple[Layer, ...], side: int) -> Renderer:
    """Draws images float32 `[rows, columns, channels]` in which a thing is there or not.

    Layers are painted in this order, each over those before it; a cell is so many pixels wide.
    """
    palette = np.array([PAPER, *(layer.colour for layer in layers)], np.uint8)

    def draw(observations: np.ndarray) -> np.ndarray:
        frames = np.zeros(
            (len(observations), *(side * n for n in observations.shape[1:3])), np.uint8
        )
        for number, layer in enumerate(layers, 1):
            there = observations[..., layer.channel] > 0.5
            frames[enlarge(there, square(side, layer.share))] = number
        return frames

    return Renderer(draw, palette, SECONDS)

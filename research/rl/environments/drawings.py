"""The renderers of gymnax's environments, by name."""

from __future__ import annotations

from research.rl.environments import (
    acrobot_drawing,
    cartpole_drawing,
    channel_drawing,
    mountain_car_drawing,
    pendulum_drawing,
)
from research.rl.environments.channel_drawing import channel_renderer
from research.rl.environments.environment import Renderer
from research.rl.environments.finite import LAKES
from research.rl.environments.grid_drawings import CATCH, DEEP_SEA, ROOMS, lake_renderer


def _mountain_car(goal: float) -> Renderer:
    return Renderer(
        mountain_car_drawing.make_draw(goal),
        mountain_car_drawing.PALETTE,
        mountain_car_drawing.SECONDS,
    )


RENDERERS: dict[str, Renderer] = {
    "Acrobot-v1": Renderer(acrobot_drawing.draw, acrobot_drawing.PALETTE, acrobot_drawing.SECONDS),
    "Asterix-MinAtar": channel_renderer(channel_drawing.ASTERIX, 20),
    "Breakout-MinAtar": channel_renderer(channel_drawing.BREAKOUT, 20),
    "CartPole-v1": Renderer(
        cartpole_drawing.draw, cartpole_drawing.PALETTE, cartpole_drawing.SECONDS
    ),
    "Catch-bsuite": CATCH,
    "DeepSea-bsuite": DEEP_SEA,
    "FourRooms-misc": ROOMS,
    "Freeway-MinAtar": channel_renderer(channel_drawing.FREEWAY, 20),
    "FrozenLake-misc": lake_renderer(LAKES["4x4"]),
    # The goals are those of the two environments' parameters.
    "MountainCar-v0": _mountain_car(goal=0.5),
    "MountainCarContinuous-v0": _mountain_car(goal=0.45),
    "Pendulum-v1": Renderer(
        pendulum_drawing.draw, pendulum_drawing.PALETTE, pendulum_drawing.SECONDS
    ),
    "Pong-misc": channel_renderer(channel_drawing.PONG, 8),
    "Seaquest-MinAtar": channel_renderer(channel_drawing.SEAQUEST, 20),
    "SpaceInvaders-MinAtar": channel_renderer(channel_drawing.SPACE_INVADERS, 20),
}
"""Name in gymnax -> how it is drawn."""

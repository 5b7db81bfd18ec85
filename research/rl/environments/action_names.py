"""Names of discrete actions, in the order of their numbers."""

from __future__ import annotations

LEFT, DOWN, RIGHT, UP, NOTHING = "left", "down", "right", "up", "nothing"
CELLS = (LEFT, DOWN, RIGHT, UP)

ACTION_NAMES: dict[str, tuple[str, ...]] = {
    "Acrobot-v1": ("torque -1", NOTHING, "torque +1"),
    "Asterix-MinAtar": (NOTHING, LEFT, UP, RIGHT, DOWN),
    "Breakout-MinAtar": (NOTHING, LEFT, RIGHT),
    "CartPole-v1": (LEFT, RIGHT),
    "Catch-bsuite": (LEFT, NOTHING, RIGHT),
    "FourRooms-misc": (UP, RIGHT, DOWN, LEFT),
    "Freeway-MinAtar": (NOTHING, UP, DOWN),
    "FrozenLake-misc": CELLS,
    "FrozenLake4x4-finite": CELLS,
    "FrozenLake8x8-finite": CELLS,
    "Maze-finite": CELLS,
    "MountainCar-v0": (LEFT, NOTHING, RIGHT),
    "RandomMaze-finite": CELLS,
    "Seaquest-MinAtar": (NOTHING, LEFT, UP, RIGHT, DOWN, "fire"),
    "SpaceInvaders-MinAtar": (NOTHING, LEFT, RIGHT, "fire"),
}
"""Name of an environment, without wrappers -> those of its actions, where they have any."""

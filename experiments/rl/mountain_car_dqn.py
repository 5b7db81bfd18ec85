"""DQN drives a weak car out of a valley: each step costs 1 until it is on the hill.

Ten MountainCar-v0 environments (gymnax) are played by an ε-greedy policy, from which a network of
120-120 relu learns by replay, as in `rl/cartpole_dqn`.

Run: python launch.py run rl/mountain_car_dqn
Expected: evaluation episode_return TODO (rl-baselines3-zoo: -101)
Time: TODO
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.dqn_config import DQNConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(DQNConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers"] = "MountainCar-v0"
    environment_steps: Annotated[int, "steps in all environments together"] = 500_000

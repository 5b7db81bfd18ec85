"""DQN swings a double pendulum above a line: each step costs 1 until it is there.

Ten Acrobot-v1 environments (gymnax) are played by an ε-greedy policy, from which a network of 120-120
relu learns by replay, as in `rl/cartpole_dqn`.

Run: python launch.py run rl/acrobot_dqn
Expected: evaluation episode_return TODO (rl-baselines3-zoo: -76.6)
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

    environment: Annotated[str, "where; actions are numbers"] = "Acrobot-v1"
    environment_steps: Annotated[int, "steps in all environments together"] = 100_000

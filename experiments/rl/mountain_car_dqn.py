"""DQN drives a weak car out of a valley: each step costs 1 until it is on the hill.

Four MountainCar-v0 environments (gymnax) are played for four steps by an ε-greedy policy; a network
of 256-256 relu then learns from eight minibatches of 128 of the newest 10,000 transitions, and is
copied to the target network every 608 steps. ε falls from 1 to .07 in the first 24,000 steps.
Settings follow rl-baselines3-zoo. The evaluation plays 64 episodes with the best actions
(`episode_return`) and 64 with the last ε (`stochastic_episode_return`).

Run: python launch.py run rl/mountain_car_dqn
Expected: evaluation episode_return -109 over 8 seeds (rl-baselines3-zoo: -101)
Time: 70 s
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
    environment_steps: Annotated[int, "steps in all environments together"] = 120_000
    environments: Annotated[int, "environments stepped together"] = 4
    steps_per_update: Annotated[int, "steps in each environment between learning"] = 4
    gradient_steps: Annotated[int, "minibatches in one update"] = 8
    learning_starts: Annotated[int, "environment steps before the first learning"] = 1_000
    target_every: Annotated[int, "updates between two copies to the target network"] = 38
    units: Annotated[int, "units of each hidden layer"] = 256
    learning_rate: Annotated[float, "Adam's step size"] = 4e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.98
    epsilon: Annotated[float, "share of random actions in the end"] = 0.07
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.2

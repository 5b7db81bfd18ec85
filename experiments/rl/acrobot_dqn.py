"""DQN swings a double pendulum above a line: each step costs 1 until it is there.

Four Acrobot-v1 environments (gymnax) are played by an ε-greedy policy, a step at a time; a network
of 256-256 relu then learns from four minibatches of 128 of the newest 50,000 transitions, and is
copied to the target network every 248 steps. ε falls from 1 to .1 in the first 12,000 steps.
Settings follow rl-baselines3-zoo. The evaluation plays 64 episodes with the best actions
(`episode_return`) and 64 with the last ε (`stochastic_episode_return`).

Run: python launch.py run rl/acrobot_dqn
Expected: evaluation episode_return -73.4 over 8 seeds (rl-baselines3-zoo: -76.6)
Time: 2 min
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
    environments: Annotated[int, "environments stepped together"] = 4
    steps_per_update: Annotated[int, "steps in each environment between learning"] = 1
    gradient_steps: Annotated[int, "minibatches in one update"] = 4
    replay_size: Annotated[int, "environment steps that are remembered"] = 50_000
    learning_starts: Annotated[int, "environment steps before the first learning"] = 1_000
    target_every: Annotated[int, "updates between two copies to the target network"] = 62
    units: Annotated[int, "units of each hidden layer"] = 256
    learning_rate: Annotated[float, "Adam's step size"] = 6.3e-4
    epsilon: Annotated[float, "share of random actions in the end"] = 0.1
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.12

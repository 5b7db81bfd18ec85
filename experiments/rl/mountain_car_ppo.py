"""PPO drives a weak car out of a valley: each step costs 1 until it is on the hill.

Sixteen MountainCar-v0 environments (gymnax) are played for 16 steps, from which a policy and a
value network, 64-64 tanh each, learn in four passes of minibatches of 64. Observations and rewards
are normalised by what was seen. Settings follow rl-baselines3-zoo.

Run: python launch.py run rl/mountain_car_ppo
Expected: evaluation episode_return -112 over 8 seeds (rl-baselines3-zoo: -110.4)
Time: 90 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.ppo_config import PPOConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "MountainCar-v0"
    environment_steps: Annotated[int, "steps in all environments together"] = 1_000_000
    environments: Annotated[int, "environments stepped together"] = 16
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 16
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 64
    normalise_observations: Annotated[bool, "to mean 0 and deviation 1, by all seen"] = True
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns"] = True
    learning_rate: Annotated[float, "Adam's step size at the start"] = 3e-4
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.98

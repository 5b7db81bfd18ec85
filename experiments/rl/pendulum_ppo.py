"""PPO swings a pendulum up and holds it there: actions are torques, drawn from a Gaussian.

Four Pendulum-v1 environments (gymnax) are played for 1,024 steps, from which a policy and a value
network, 64-64 tanh each, learn in ten passes of minibatches of 64. The torque's standard deviation
is learned, the same everywhere. The evaluation plays 64 episodes with the mean torque and 64 with
drawn ones. Settings follow rl-baselines3-zoo, without its state-dependent exploration.

Run: python launch.py run rl/pendulum_ppo
Expected: evaluation episode_return -186, -278 to -150 (8 seeds; rl-baselines3-zoo: -172)
Time: 15 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.ppo_config import PPOConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "Pendulum-v1"
    environment_steps: Annotated[int, "steps in all environments together"] = 100_000
    environments: Annotated[int, "environments stepped together"] = 4
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 1024
    epochs: Annotated[int, "passes over each rollout"] = 10
    minibatch_size: Annotated[int, "examples in one gradient step"] = 64
    discount: Annotated[float, "weight of the next step's value"] = 0.9
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.95

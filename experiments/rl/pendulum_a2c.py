"""Advantage actor-critic holds a pendulum up: torques from a Gaussian, many steps and no replay.

Sixteen Pendulum-v1 environments (gymnax) are played for 8 steps, then one step of RMSProp is taken.
Observations have mean 0 and deviation 1 by all that was seen, rewards the deviation of discounted
returns; without them the same is not learned. The discount is .9: what a torque does is seen soon.
An episode that was cut after 200 steps keeps the value of its last state.

Run: python launch.py run rl/pendulum_a2c
Expected: evaluation episode_return -180 over 8 seeds (rl-baselines3-zoo: -163)
Time: 4 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.a2c_vectors_config import A2CVectorsConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(A2CVectorsConfig):
    """What can be chosen."""

    environment_steps: Annotated[int, "steps in all environments together"] = 2_000_000
    environments: Annotated[int, "environments stepped together"] = 16
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 8
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    normalise_observations: Annotated[bool, "to mean 0 and deviation 1, by all seen"] = True
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns"] = True
    learning_rate: Annotated[float, "RMSProp's step size at the start"] = 3e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.9
    gae_lambda: Annotated[float, "decay of the advantage's trace; 1 is n-step returns"] = 0.9
    value_weight: Annotated[float, "weight of the value function's squared error"] = 0.4

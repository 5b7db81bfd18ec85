"""Advantage actor-critic swings a pendulum up and holds it there.

Eight Pendulum-v1 environments (gymnax) are played for eight steps, from which a policy and a value
network, 64-64 tanh each, learn by one gradient step. Settings follow rl-baselines3-zoo.

Run: python launch.py run rl/pendulum_a2c
Expected: evaluation episode_return TODO (rl-baselines3-zoo: -163)
Time: TODO
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.a2c_config import A2CConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(A2CConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "Pendulum-v1"
    environment_steps: Annotated[int, "steps in all environments together"] = 1_000_000
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 8
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    discount: Annotated[float, "weight of the next step's value"] = 0.9
    gae_lambda: Annotated[float, "decay of the advantage's trace; 1 is n-step returns"] = 0.9

"""Trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.a2c_vectors_config import A2CVectorsConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(A2CVectorsConfig):
    """What can be chosen."""

    environment_steps: Annotated[int, "steps in all environments together"] = 1_000_000
    environments: Annotated[int, "environments stepped together"] = 8
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 8
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    normalise_observations: Annotated[bool, "to mean 0 and deviation 1, by all seen"] = True
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns"] = True
    discount: Annotated[float, "weight of the next step's value"] = 0.9
    gae_lambda: Annotated[float, "decay of the advantage's trace; 1 is n-step returns"] = 0.9
    value_weight: Annotated[float, "weight of the value function's squared error"] = 0.4

"""Curiosity dives.

Run: python launch.py run rl/deep_sea_curiosity
Expected: ...
Time: ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.curious_ppo_config import CuriousPPOConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CuriousPPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "DeepSea20-bsuite"
    environment_steps: Annotated[int, "steps in all environments together"] = 300_000
    environments: Annotated[int, "environments stepped together"] = 32
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 40
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 320
    learning_rate: Annotated[float, "the optimiser's step size at the start"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.95
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.1
    predictor_learning_rate: Annotated[float, "step size of what learns to predict"] = 2e-3

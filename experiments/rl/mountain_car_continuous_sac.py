"""SAC drives a weak car out of a valley by forces from -1 to 1.

MountainCarContinuous-v0 (gymnax): 100 for the hill, less the squares of the forces; standing still
gives 0. Settings follow rl-baselines3-zoo, without its state-dependent exploration.

Run: python launch.py run rl/mountain_car_continuous_sac
Expected: evaluation episode_return TODO
Time: TODO
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.sac_config import SACConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(SACConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are vectors"] = "MountainCarContinuous-v0"
    environment_steps: Annotated[int, "steps in all environments together"] = 100_000

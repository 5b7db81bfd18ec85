"""What can be chosen of proximal policy optimisation where actions are vectors.

Apart from `PPOConfig`: another field there would make every run that is recorded another run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.ranges import Range, out_of_range
from research.rl.algorithms import ppo_config
from research.rl.algorithms.ppo_config import PPOConfig, make, smoke
from research.rl.environments.registered import unfit

__all__ = ["PPOVectorsConfig", "make", "smoke", "validate"]


@dataclass(frozen=True)
class PPOVectorsConfig(PPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are vectors"] = "Pendulum-v1"
    initial_log_deviation: Annotated[float, "log of the actions' deviation at the start"] = 0.0


def validate(config: PPOVectorsConfig) -> list[str]:
    """What is out of range or does not fit, a message each."""
    problems = ppo_config.validate(config)
    problems += out_of_range(config, {"initial_log_deviation": Range(-10, 2)})
    return problems or unfit(config.environment, continuous=True)

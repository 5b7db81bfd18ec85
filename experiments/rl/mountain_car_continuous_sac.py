"""Trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms import sac_config
from research.rl.algorithms.correlated_noise_config import CorrelatedNoiseConfig, problems_of_noise
from research.rl.algorithms.sac_config import SACConfig, make, smoke

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CorrelatedNoiseConfig, SACConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are vectors"] = "MountainCarContinuous-v0"
    environment_steps: Annotated[int, "steps in all environments together"] = 50_000
    environments: Annotated[int, "environments stepped together"] = 8
    gradient_steps: Annotated[int, "minibatches in one update"] = 8
    batch_size: Annotated[int, "transitions in a minibatch"] = 128
    replay_size: Annotated[int, "environment steps that are remembered"] = 50_000
    noise_correlation: Annotated[float, "of the noise of one step with that of the next"] = 0.95


def validate(config: Config) -> list[str]:
    """What is out of range or does not go together, a message each."""
    return sac_config.validate(config) + problems_of_noise(config)

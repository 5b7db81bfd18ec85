"""What can be chosen of advantage actor-critic where actions are vectors.

Apart from `A2CConfig`: another field there would make every run that is recorded another run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.rl.algorithms import a2c_config
from research.rl.algorithms.a2c import make_a2c
from research.rl.algorithms.a2c_config import A2CConfig, smoke
from research.rl.environments.registered import make_environment, unfit

__all__ = ["A2CVectorsConfig", "make", "smoke", "validate"]


@dataclass(frozen=True)
class A2CVectorsConfig(A2CConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are vectors"] = "Pendulum-v1"
    normalise_observations: Annotated[bool, "to mean 0 and deviation 1, by all seen"] = False
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns"] = False


def validate(config: A2CVectorsConfig) -> list[str]:
    """What is out of range or does not fit, a message each."""
    return a2c_config.validate(config) or unfit(config.environment, continuous=True)


def make(config: A2CVectorsConfig) -> Experiment:
    """Advantage actor-critic in the chosen environment."""
    sizes = replace(
        a2c_config.sizes_of(config),
        normalise_observations=config.normalise_observations,
        normalise_rewards=config.normalise_rewards,
    )
    return make_a2c(make_environment(config.environment), sizes, floats(config))

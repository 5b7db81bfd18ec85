"""What can be chosen of soft actor-critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import POSITIVE, Range
from research.rl.algorithms.off_policy_config import OffPolicyConfig, problems_of, sizes_of, smoke
from research.rl.algorithms.sac import make_sac
from research.rl.environments.registered import make_environment

__all__ = ["SACConfig", "make", "smoke", "validate"]


@dataclass(frozen=True)
class SACConfig(OffPolicyConfig):
    """What can be chosen of soft actor-critic."""

    initial_temperature: Annotated[float, "weight of the entropy at the start"] = 1.0
    target_entropy: Annotated[float, "entropy aimed at, nats a dimension of an action"] = -1.0


def validate(config: SACConfig) -> list[str]:
    """What is out of range or does not go together, a message each."""
    return problems_of(config, {"initial_temperature": POSITIVE, "target_entropy": Range()})


def make(config: SACConfig) -> Experiment:
    """Soft actor-critic in the chosen environment."""
    return make_sac(make_environment(config.environment), sizes_of(config), floats(config))

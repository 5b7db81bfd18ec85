"""What can be chosen of DDPG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import POSITIVE
from research.rl.algorithms.ddpg import make_ddpg
from research.rl.algorithms.off_policy_config import OffPolicyConfig, problems_of, sizes_of, smoke
from research.rl.environments.registered import make_environment

__all__ = ["DDPGConfig", "make", "smoke", "validate"]


@dataclass(frozen=True)
class DDPGConfig(OffPolicyConfig):
    """What can be chosen of DDPG."""

    exploration_deviation: Annotated[float, "of the noise on actions, from -1 to 1"] = 0.1


def validate(config: DDPGConfig) -> list[str]:
    """What is out of range or does not go together, a message each."""
    return problems_of(config, {"exploration_deviation": POSITIVE})


def make(config: DDPGConfig) -> Experiment:
    """DDPG in the chosen environment."""
    return make_ddpg(make_environment(config.environment), sizes_of(config), floats(config))

"""What can be chosen of TD3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, POSITIVE, undivided
from research.rl.algorithms.off_policy_config import OffPolicyConfig, problems_of, sizes_of, smoke
from research.rl.algorithms.td3 import make_td3
from research.rl.environments.registered import make_environment

__all__ = ["TD3Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class TD3Config(OffPolicyConfig):
    """What can be chosen of TD3."""

    policy_delay: Annotated[int, "gradient steps of the critics for each of the actor's"] = 2
    exploration_deviation: Annotated[float, "of the noise on actions, from -1 to 1"] = 0.1
    smoothing_deviation: Annotated[float, "of the noise on the actions of targets"] = 0.2
    smoothing_limit: Annotated[float, "how far that noise reaches at most"] = 0.5


def validate(config: TD3Config) -> list[str]:
    """What is out of range or does not go together, a message each."""
    ranges = {
        "policy_delay": COUNT,
        "exploration_deviation": POSITIVE,
        "smoothing_deviation": AMOUNT,
        "smoothing_limit": AMOUNT,
    }
    return problems_of(config, ranges) + undivided("policy_delay", config, "gradient_steps")


def make(config: TD3Config) -> Experiment:
    """TD3 in the chosen environment."""
    environment, sizes = make_environment(config.environment), sizes_of(config)
    return make_td3(environment, sizes, config.policy_delay, floats(config))

"""What can be chosen of proximal policy optimisation, with one choice more.

Apart from `PPOConfig`: another field there would make every run that is recorded another run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.rl.algorithms import ppo_config
from research.rl.algorithms.ppo import Sizes, make_ppo
from research.rl.algorithms.ppo_config import PPOConfig, smoke, validate
from research.rl.environments.registered import make_environment

__all__ = ["ClippedValuesConfig", "make", "sizes_of", "smoke", "validate"]


@dataclass(frozen=True)
class ClippedValuesConfig(PPOConfig):
    """What can be chosen."""

    clip_values: Annotated[bool, "a value's change counts as far as --clip-range, too"] = False


def sizes_of(config: ClippedValuesConfig) -> Sizes:
    """Shapes and loops."""
    return replace(ppo_config.sizes_of(config), clip_values=config.clip_values)


def make(config: ClippedValuesConfig) -> Experiment:
    """PPO in the chosen environment."""
    return make_ppo(make_environment(config.environment), sizes_of(config), floats(config))

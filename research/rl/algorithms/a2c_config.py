"""What can be chosen of advantage actor-critic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, Range
from research.rl.algorithms.a2c import Sizes, make_a2c
from research.rl.algorithms.policy_gradient_config import PolicyGradientConfig, problems_of
from research.rl.environments.registered import make_environment


@dataclass(frozen=True)
class A2CConfig(PolicyGradientConfig):
    """What can be chosen of advantage actor-critic."""

    environment_steps: Annotated[int, "steps in all environments together"] = 500_000
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 5
    normalise_advantages: Annotated[bool, "to mean 0 and deviation 1 in each update"] = False
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = False
    learning_rate: Annotated[float, "RMSProp's step size at the start"] = 7e-4
    gae_lambda: Annotated[float, "decay of the advantage's trace; 1 is n-step returns"] = 1.0
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.0


def validate(config: A2CConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "environment_steps": AMOUNT,
        "rollout_steps": COUNT,
        "gae_lambda": Range(0, 1),
        "entropy_weight": AMOUNT,
    }
    return problems_of(config, ranges)


def smoke(config: A2CConfig) -> A2CConfig:
    """Thirty small updates."""
    small = replace(config, environments=8, rollout_steps=5, units=16, evaluation_episodes=4)
    return replace(small, environment_steps=30 * 8 * 5)


def make(config: A2CConfig) -> Experiment:
    """Advantage actor-critic in the chosen environment."""
    return make_a2c(make_environment(config.environment), sizes_of(config), floats(config))


def sizes_of(config: A2CConfig) -> Sizes:
    """Shapes and loops."""
    return Sizes(
        environments=config.environments,
        rollout_steps=config.rollout_steps,
        units=(config.units,) * config.layers,
        channels=config.channels,
        updates=config.environment_steps // (config.environments * config.rollout_steps),
        groups=config.groups,
        normalise_advantages=config.normalise_advantages,
        anneal=config.anneal,
        evaluation_episodes=config.evaluation_episodes,
    )

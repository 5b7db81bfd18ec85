"""What can be chosen of REINFORCE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT
from research.rl.algorithms.policy_gradient_config import PolicyGradientConfig, problems_of
from research.rl.algorithms.reinforce import Sizes, make_reinforce
from research.rl.environments.registered import make_environment


@dataclass(frozen=True)
class ReinforceConfig(PolicyGradientConfig):
    """What can be chosen of REINFORCE."""

    episodes: Annotated[int, "whole episodes in all environments together"] = 2400
    baseline: Annotated[bool, "learn V(s) and take it from the returns"] = False
    normalise_returns: Annotated[bool, "to mean 0 and deviation 1 in each update"] = True


def validate(config: ReinforceConfig) -> list[str]:
    """What is out of range, a message each."""
    return problems_of(config, {"episodes": AMOUNT})


def smoke(config: ReinforceConfig) -> ReinforceConfig:
    """Thirty small updates."""
    return replace(config, environments=2, units=8, episodes=60, evaluation_episodes=2)


def make(config: ReinforceConfig) -> Experiment:
    """REINFORCE in the chosen environment."""
    sizes = Sizes(
        environments=config.environments,
        units=(config.units,) * config.layers,
        channels=config.channels,
        updates=config.episodes // config.environments,
        baseline=config.baseline,
        normalise_returns=config.normalise_returns,
        groups=config.groups,
        evaluation_episodes=config.evaluation_episodes,
    )
    return make_reinforce(make_environment(config.environment), sizes, floats(config))

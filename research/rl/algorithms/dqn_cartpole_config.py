"""What can be chosen of deep Q-learning where it balances a pole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.engine.experiment import Experiment
from research.rl.algorithms import dqn_config
from research.rl.algorithms.dqn_config import DQNConfig
from research.rl.algorithms.reported import Report, reporting


@dataclass(frozen=True)
class CartPoleDQNConfig(DQNConfig):
    """Deep Q-learning is good long before it is steady: the best checkpoint is reported."""

    report: Annotated[Report, "whose figures count: the last checkpoint, or the best by"] = (
        "evaluation/episode_return"
    )


@dataclass(frozen=True)
class FarSightedConfig(CartPoleDQNConfig):
    """Settings with which plain DQN is steadier.

    A policy that drifts off the track fails after hundreds of steps: values must look that far.
    """

    batch_size: Annotated[int, "transitions in a minibatch"] = 256
    learning_rate: Annotated[float, "Adam's step size"] = 5e-4
    discount: Annotated[float, "weight of the next step's value"] = 0.995
    largest_return: Annotated[float, "atoms: the largest return"] = 200.0


def make(config: CartPoleDQNConfig) -> Experiment:
    """Deep Q-learning in the chosen environment."""
    return reporting(dqn_config.make(config), config.report)

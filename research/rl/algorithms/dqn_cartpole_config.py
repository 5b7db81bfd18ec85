"""What can be chosen of deep Q-learning where it balances a pole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.dqn_config import DQNConfig


@dataclass(frozen=True)
class CartPoleDQNConfig(DQNConfig):
    """Settings with which plain DQN is steady.

    A policy that drifts off the track fails after hundreds of steps: values must look that far.
    """

    batch_size: Annotated[int, "transitions in a minibatch"] = 256
    learning_rate: Annotated[float, "Adam's step size"] = 5e-4
    discount: Annotated[float, "weight of the next step's value"] = 0.995
    largest_return: Annotated[float, "atoms: the largest return"] = 200.0

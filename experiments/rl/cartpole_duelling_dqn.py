"""Duelling DQN balances a pole: how good it is to be here, and how much better one action is.

After the first hidden layer the network parts into two streams of a hidden layer each: the value
of the state, and the advantages of the actions, whose mean is taken away (Wang et al. 2016, arXiv
1511.06581). As in that paper, targets are those of double DQN. All else follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_duelling_dqn
Expected: evaluation episode_return 499.6 over 8 seeds
Time: 25 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.dqn_cartpole_config import CartPoleDQNConfig, make
from research.rl.algorithms.dqn_config import smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CartPoleDQNConfig):
    """What can be chosen."""

    double: Annotated[bool, "let the learning network choose the action that follows"] = True
    duelling: Annotated[bool, "learn values and advantages apart"] = True
    learning_rate: Annotated[float, "Adam's step size"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.98

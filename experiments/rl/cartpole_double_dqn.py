"""Double DQN balances a pole: one network chooses the action that follows, the other values it.

The largest of several uncertain values is too large on average. Here the network that learns says
which action is best in the next state, and the target network what it is worth (van Hasselt et al.
2016, arXiv 1509.06461). All else follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_double_dqn
Expected: evaluation episode_return 500 over 8 seeds
Time: 15 s
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
    learning_rate: Annotated[float, "Adam's step size"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.98

"""Rainbow without noisy layers balances a pole: every improvement of DQN at once.

Double, duelling, prioritised (by the cross-entropy), three-step and distributional, with ε-greedy
exploration in place of noise in the weights (Hessel et al. 2018, arXiv 1710.02298). All else
follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_rainbow
Expected: evaluation episode_return 498.2 over 8 seeds
Time: 70 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.dqn_config import DQNConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(DQNConfig):
    """What can be chosen."""

    double: Annotated[bool, "let the learning network choose the action that follows"] = True
    duelling: Annotated[bool, "learn values and advantages apart"] = True
    prioritised: Annotated[bool, "replay what is surprising more often"] = True
    lookahead: Annotated[int, "rewards summed before the value that follows (n-step)"] = 3
    atoms: Annotated[int, "returns in a learned distribution (C51); 1 learns the mean"] = 51
    learning_rate: Annotated[float, "Adam's step size"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.98

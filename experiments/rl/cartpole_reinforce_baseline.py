"""REINFORCE balances a pole with a baseline: a learned V(s) is taken from the returns.

As `rl/cartpole_reinforce`, with a value function, 64-64 tanh, that learns what the returns are.
Where the time limit of 500 steps cuts an episode, its value stands for what would have followed.
With these settings it learns more slowly than without a baseline, and falls short of 500.

Run: python launch.py run rl/cartpole_reinforce_baseline
Expected: evaluation episode_return 417 to 487 (8 seeds; 500 is the most there is)
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.reinforce_config import ReinforceConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(ReinforceConfig):
    """What can be chosen."""

    baseline: Annotated[bool, "learn V(s) and take it from the returns"] = True

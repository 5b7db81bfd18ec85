"""Random search balances a pole: some linear policies just do, and a good one is soon drawn.

Each generation is 64 linear policies (8 weights: logits of left and right) drawn from a normal
distribution; each plays 4 episodes of CartPole-v1 (gymnax), all in one loop. The fittest, and the
best one before it, then play 16 fresh episodes, since the largest of 64 noisy scores is largely
luck. The evaluation plays 64 episodes with the best policy's most probable actions
(`episode_return`) and 64 with actions drawn from it, for which nothing was searched.
A whole run takes about 0.76 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_random_search
Expected: evaluation episode_return 500 (the most there is)
Time: 4 s
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from research.engine.experiment import Experiment
from research.rl.algorithms import policy_search_config
from research.rl.algorithms.policy_search_config import PolicySearchConfig, smoke, validate
from research.rl.algorithms.policy_search_local import random_search

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PolicySearchConfig):
    """What can be chosen."""


def make(config: Config) -> Experiment:
    """Random search in the chosen environment."""
    search = partial(random_search, candidates=config.candidates)
    return policy_search_config.make(config, search)

"""CMA-ES balances a pole: samples whose spread learns which directions pay.

Each generation draws 16 linear policies (8 weights) from a normal distribution; each plays 4
episodes of CartPole-v1 (gymnax). Mean, step size and covariance move towards the fitter ones
(Hansen 2016, in the implementation of evosax); the answer is the mean. The evaluation plays 64
episodes with the most probable actions of the best policy (`episode_return`) and 64 with actions
drawn from it, for which nothing was searched.
A whole run takes about 0.98 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_cma_es
Expected: evaluation episode_return 500 (the most there is)
Time: 2 s
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from research.engine.experiment import Experiment
from research.options.ranges import Range, out_of_range
from research.rl.algorithms import policy_search_config
from research.rl.algorithms.policy_search_config import PolicySearchConfig, smoke
from research.rl.algorithms.policy_search_covariance import cma_es

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PolicySearchConfig):
    """What can be chosen."""

    candidates: Annotated[int, "policies in a population"] = 16
    deviation: Annotated[float, "step size of the first population"] = 1.0


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    return policy_search_config.validate(config) + out_of_range(config, {"candidates": Range(4)})


def make(config: Config) -> Experiment:
    """CMA-ES in the chosen environment."""
    search = partial(cma_es, candidates=config.candidates)
    return policy_search_config.make(config, search)

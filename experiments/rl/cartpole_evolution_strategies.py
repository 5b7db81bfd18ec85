"""Evolution strategies balance a pole: a gradient from nothing but how well neighbours do.

A linear policy (8 weights) starts at 0. Each generation adds normal noise to it, 16 draws and
their mirror images; all 32 play 4 episodes of CartPole-v1 (gymnax). Their ranks say in which
direction the mean fitness around the policy grows, and Adam steps there (Salimans et al. 2017).
The evaluation plays 64 episodes with the most probable actions of the best policy
(`episode_return`) and 64 with actions drawn from it, for which nothing was searched.
A whole run takes about 1.52 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_evolution_strategies
Expected: evaluation episode_return 500 (the most there is)
Time: 4 s
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from research.engine.experiment import Experiment
from research.options.ranges import POSITIVE, out_of_range
from research.rl.algorithms import policy_search_config
from research.rl.algorithms.policy_search_config import PolicySearchConfig, smoke
from research.rl.algorithms.policy_search_strategies import evolution_strategies

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PolicySearchConfig):
    """What can be chosen."""

    candidates: Annotated[int, "policies in a population, an even number"] = 32
    deviation: Annotated[float, "standard deviation of the noise around the policy"] = 0.3
    learning_rate: Annotated[float, "Adam's step size"] = 0.1


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(config, {"learning_rate": POSITIVE})
    problems = policy_search_config.validate(config) + problems
    if config.candidates % 2:
        problems.append(f"--candidates must be even, not {config.candidates}: they come in pairs")
    return problems


def make(config: Config) -> Experiment:
    """Evolution strategies in the chosen environment."""
    search = partial(evolution_strategies, candidates=config.candidates)
    return policy_search_config.make(config, search)

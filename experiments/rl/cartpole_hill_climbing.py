"""Hill climbing balances a pole: try steps from where one stands, take the best if it is better.

A linear policy (8 weights) starts at 0. Each generation tries 15 random steps from it, and the
policy itself anew; all 16 play 4 episodes of CartPole-v1 (gymnax). Where a step did better it is
taken, and the next ones are half as large; else they are twice as large. The evaluation plays 64
episodes with the most probable actions of the best policy (`episode_return`) and 64 with actions
drawn from it, for which nothing was searched.
A whole run takes about 0.75 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_hill_climbing
Expected: evaluation episode_return 500 (the most there is)
Time: 2 s
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from research.engine.experiment import Experiment
from research.options.ranges import POSITIVE, Range, out_of_range
from research.rl.algorithms import policy_search_config
from research.rl.algorithms.policy_search_config import PolicySearchConfig, smoke
from research.rl.algorithms.policy_search_local import hill_climbing

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PolicySearchConfig):
    """What can be chosen."""

    candidates: Annotated[int, "policies in a population, the present one among them"] = 16
    deviation: Annotated[float, "standard deviation of the first steps"] = 1.0
    smallest_deviation: Annotated[float, "which steps never fall below"] = 0.1
    largest_deviation: Annotated[float, "which steps never exceed"] = 2.0
    factor: Annotated[float, "by which steps shrink after a success and grow after none"] = 2.0


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "candidates": Range(2),
        "smallest_deviation": POSITIVE,
        "largest_deviation": POSITIVE,
        "factor": Range(1),
    }
    problems = policy_search_config.validate(config) + out_of_range(config, ranges)
    if not problems and config.smallest_deviation > config.largest_deviation:
        problems.append(
            f"--smallest-deviation {config.smallest_deviation:g} must not exceed "
            f"--largest-deviation {config.largest_deviation:g}"
        )
    return problems


def make(config: Config) -> Experiment:
    """Hill climbing in the chosen environment."""
    search = partial(hill_climbing, candidates=config.candidates)
    return policy_search_config.make(config, search)

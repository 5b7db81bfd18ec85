"""A genetic algorithm balances a pole: the fitter have children, the fittest stay.

Each generation is 32 linear policies (8 weights) that play 4 episodes of CartPole-v1 (gymnax)
each. The fittest 4 stay; the others make room for children of parents that won tournaments of 3:
weights of both parents mixed, or those of one, with normal noise. The evaluation plays 64 episodes
with the most probable actions of the best policy (`episode_return`) and 64 with actions drawn from
it, for which nothing was searched.
A whole run takes about 1.58 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_genetic
Expected: evaluation episode_return 500 (the most there is)
Time: 3 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from research.engine.experiment import Experiment
from research.options.ranges import AMOUNT, COUNT, Range, out_of_range
from research.rl.algorithms import policy_search_config
from research.rl.algorithms.policy_search_config import PolicySearchConfig
from research.rl.algorithms.policy_search_genetic import genetic_algorithm


@dataclass(frozen=True)
class Config(PolicySearchConfig):
    """What can be chosen."""

    candidates: Annotated[int, "policies in a population"] = 32
    elites: Annotated[int, "the fittest, which stay as they are"] = 4
    tournament: Annotated[int, "candidates of which the fittest becomes a parent"] = 3
    deviation: Annotated[float, "standard deviation of the first population"] = 1.0
    mutation_deviation: Annotated[float, "standard deviation of what is added to a child"] = 0.3
    crossover_rate: Annotated[float, "share of children that have two parents"] = 0.5


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "elites": COUNT,
        "tournament": COUNT,
        "mutation_deviation": AMOUNT,
        "crossover_rate": Range(0, 1),
    }
    problems = policy_search_config.validate(config) + out_of_range(config, ranges)
    if not problems and config.elites >= config.candidates:
        problems.append(
            f"--elites {config.elites} must be fewer than --candidates {config.candidates}"
        )
    return problems


def smoke(config: Config) -> Config:
    """Thirty small generations."""
    return replace(policy_search_config.smoke(config), elites=2, tournament=2)


def make(config: Config) -> Experiment:
    """A genetic algorithm in the chosen environment."""
    search = partial(
        genetic_algorithm,
        candidates=config.candidates,
        elites=config.elites,
        tournament=config.tournament,
    )
    return policy_search_config.make(config, search)

"""What can be chosen of any search for a policy, whatever the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, DEPTH, POSITIVE, out_of_range
from research.rl.algorithms.policy_search import Search, Sizes, make_policy_search
from research.rl.environments.registered import make_environment, unfit


@dataclass(frozen=True)
class PolicySearchConfig:
    """What can be chosen of any search for a policy."""

    environment: Annotated[str, "where; actions are numbers"] = "CartPole-v1"
    generations: Annotated[int, "populations that are played"] = 25
    candidates: Annotated[int, "policies in a population"] = 64
    episodes: Annotated[int, "played by each candidate"] = 4
    trial_episodes: Annotated[int, "played by an answer and the best before it"] = 16
    units: Annotated[int, "units of each hidden layer"] = 16
    layers: Annotated[int, "hidden layers of the policy; 0 for a linear one"] = 0
    bias: Annotated[bool, "let the policy's last layer have a bias"] = False
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 64
    deviation: Annotated[float, "standard deviation of each parameter that is drawn"] = 1.0


AnyConfig = TypeVar("AnyConfig", bound=PolicySearchConfig)


def validate(config: PolicySearchConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "generations": AMOUNT,
        "candidates": COUNT,
        "episodes": COUNT,
        "trial_episodes": COUNT,
        "units": COUNT,
        "layers": DEPTH._replace(low=0),
        "evaluation_episodes": COUNT,
        "deviation": POSITIVE,
    }
    return out_of_range(config, ranges) + unfit(config.environment, continuous=False)


def smoke(config: AnyConfig) -> AnyConfig:
    """Thirty small generations."""
    small = replace(config, generations=30, candidates=6, episodes=2, trial_episodes=2)
    return replace(small, units=4, evaluation_episodes=4)


def make(config: PolicySearchConfig, make_search: Callable[[int], Search]) -> Experiment:
    """The search in the chosen environment.

    Args:
        config: what was chosen.
        make_search: parameters of the policy -> the search.
    """
    sizes = Sizes(
        generations=config.generations,
        candidates=config.candidates,
        episodes=config.episodes,
        trial_episodes=config.trial_episodes,
        units=(config.units,) * config.layers,
        bias=config.bias,
        evaluation_episodes=config.evaluation_episodes,
    )
    environment = make_environment(config.environment)
    return make_policy_search(environment, make_search, sizes, floats(config))

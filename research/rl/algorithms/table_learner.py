"""What can be chosen of learning a table of action values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range, out_of_range
from research.rl.algorithms.tabular import Exploration, Method, Sizes, make_tabular
from research.rl.environments.registered import FINITE, make_environment, unfit


@dataclass(frozen=True)
class TableConfig:
    """What can be chosen of learning a table."""

    environment: Annotated[str, "where; observations are numbers of states"] = "Maze-finite"
    method: Annotated[Method, "what an action's value is moved towards"] = "q_learning"
    exploration: Annotated[Exploration, "how actions are chosen"] = "epsilon_greedy"
    environment_steps: Annotated[int, "steps in all"] = 50_000
    steps_per_update: Annotated[int, "steps between two looks at the figures"] = 500
    decay_by_visit: Annotated[bool, "let the step size fall with visits, not with steps"] = False
    evaluation_episodes: Annotated[int, "episodes of the best actions in one evaluation"] = 64
    step_size: Annotated[float, "how far a value is moved at the start"] = 0.1
    step_size_decay: Annotated[float, "after n steps: the first / (1 + decay n)"] = 0.0
    discount: Annotated[float, "weight of the next state's value"] = 0.95
    epsilon: Annotated[float, "epsilon_greedy: share of random actions at the start"] = 0.1
    epsilon_decay: Annotated[float, "after n steps: the first / (1 + decay n)"] = 0.0
    temperature: Annotated[float, "softmax: the higher, the more random"] = 1.0
    curiosity: Annotated[float, "count_based: what an action never tried is worth more"] = 10.0


def validate(config: TableConfig) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "environment_steps": AMOUNT,
            "steps_per_update": COUNT,
            "evaluation_episodes": COUNT,
            "step_size": Range(0, 1, above=True),
            "step_size_decay": AMOUNT,
            "discount": FRACTION,
            "epsilon": Range(0, 1),
            "epsilon_decay": AMOUNT,
            "temperature": POSITIVE,
            "curiosity": AMOUNT,
        },
    )
    return problems + unfit(config.environment, continuous=False, numbered=True)


def smoke(config: TableConfig) -> TableConfig:
    """Thirty updates of ten steps."""
    return replace(config, environment_steps=300, steps_per_update=10, evaluation_episodes=2)


def make(config: TableConfig) -> Experiment:
    """The chosen method in the chosen environment."""
    sizes = Sizes(
        updates=config.environment_steps // config.steps_per_update,
        steps=config.steps_per_update,
        method=config.method,
        exploration=config.exploration,
        decay_by_visit=config.decay_by_visit,
        evaluation_episodes=config.evaluation_episodes,
    )
    name = config.environment
    mdp = FINITE[name]().mdp if name in FINITE else None
    return make_tabular(make_environment(name), sizes, floats(config), mdp)

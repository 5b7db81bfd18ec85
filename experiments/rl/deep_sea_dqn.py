"""DQN does not find a treasure that lies twenty right turns away: the control of curiosity.

In bsuite's DeepSea (gymnax) a diver sinks one of twenty rows a step, to the left or to the right.
Every step to the right costs 0.0005, and only twenty of them in a row lead to a treasure of 1;
which of two actions goes right differs from cell to cell. Random actions find it in one of 2^20
episodes, and all that is learned before is that going right costs. So ε-greedy exploration ends at
a return of 0. As many environment steps as `rl/deep_sea_curiosity`; of these, ε falls from 1 to .05
in the first half. The evaluation plays 64 episodes with the best actions (`episode_return`) and 64
with the last ε (`stochastic_episode_return`).

Run: python launch.py run rl/deep_sea_dqn
Expected: evaluation episode_return 0, or little less; the most there is is 0.99
Time: 15 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.dqn_config import DQNConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(DQNConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers"] = "DeepSea20-bsuite"
    environment_steps: Annotated[int, "steps in all environments together"] = 300_000
    environments: Annotated[int, "environments stepped together"] = 32
    steps_per_update: Annotated[int, "steps in each environment between learning"] = 40
    gradient_steps: Annotated[int, "minibatches in one update"] = 20
    replay_size: Annotated[int, "environment steps that are remembered"] = 10_240
    units: Annotated[int, "units of each hidden layer"] = 64
    learning_rate: Annotated[float, "Adam's step size"] = 1e-3

"""Curiosity dives for a treasure that lies twenty right turns away (PPO with RND).

In bsuite's DeepSea (gymnax) a diver sinks one of twenty rows a step, to the left or to the right.
Every step to the right costs 0.0005, and only twenty of them in a row lead to a treasure of 1;
which of two actions goes right differs from cell to cell. Random actions find it in one of 2^20
episodes. Random network distillation (Burda et al. 2018, arXiv 1810.12894) rewards what is new: a
network learns to say what another one, whose weights are random and stay so, says of a cell; where
it errs, few have been. That reward has a value function and a discount of its own, and its returns
go on over ends of episodes. Thirty-two environments are played for 40 steps; policy and values,
64-64 tanh each, then learn in four passes of minibatches of 320, the predictor, two layers deeper
than the random network of 64-64 relu, in one. `train/intrinsic_reward` shows how much is still new.
ε-greedy DQN does not get there: `rl/deep_sea_dqn`. The evaluation plays 64 episodes with the most
probable actions and 64 with drawn ones.

Run: python launch.py run rl/deep_sea_curiosity
Expected: evaluation episode_return 0.99, the most there is
Time: 30 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.curious_ppo_config import CuriousPPOConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CuriousPPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "DeepSea20-bsuite"
    environment_steps: Annotated[int, "steps in all environments together"] = 300_000
    environments: Annotated[int, "environments stepped together"] = 32
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 40
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 320
    learning_rate: Annotated[float, "the optimiser's step size at the start"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.95
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.1
    predictor_learning_rate: Annotated[float, "step size of what learns to predict"] = 2e-3

"""PPO without memory guesses where a bit must be remembered: the control of the recurrent policy.

In bsuite's MemoryChain (gymnax), -1 or 1 is shown in the first two steps and never again; thirty
steps after the first an action must name it, for a return of 1 or -1. What is seen then says how
many steps are left, and nothing of the bit. So no policy of the last observation has any other mean
return than 0: the most probable action is the same in every episode, and right in half of them.
Settings are those of `rl/memory_chain_recurrent_ppo`, with two dense layers of 32 instead of one
and a GRU. The evaluation plays 64 episodes with the most probable actions, 64 with drawn ones.

Run: python launch.py run rl/memory_chain_ppo
Expected: evaluation episode_return 0, the mean of 64 times 1 or -1: within 0.25 in 19 of 20
Time: 5 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.clipped_values_config import (
    ClippedValuesConfig,
    make,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(ClippedValuesConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "MemoryChain30-bsuite"
    environment_steps: Annotated[int, "steps in all environments together"] = 400_000
    environments: Annotated[int, "environments stepped together"] = 16
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 64
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 256
    units: Annotated[int, "units of each hidden layer"] = 32
    learning_rate: Annotated[float, "the optimiser's step size at the start"] = 3e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 1.0
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.01

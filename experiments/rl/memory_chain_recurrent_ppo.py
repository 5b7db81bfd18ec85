"""PPO remembers a bit for thirty steps: a policy with a GRU, carried through each episode.

In bsuite's MemoryChain (gymnax), -1 or 1 is shown in the first two steps and never again; thirty
steps after the first an action must name it, for a return of 1 or -1. Nothing that is seen then
tells it: a policy without memory has a return of 0 on average (`rl/memory_chain_ppo`). Sixteen
environments are played for 64 steps; a policy and a value function, a dense layer of 32 (tanh) and
a GRU of 32 each, then learn from these sixteen sequences in four passes of four at a time. The
hidden states are carried from rollout to rollout and are 0 where an episode begins; gradients flow
through a whole rollout. The step size falls to 0: with a constant one, some seeds forget at the end
what they knew. Whether a seed finds out at all is chance: seven of the record's eight did, and six
or eight of the same with other roundings. The evaluation plays 64 episodes with the most probable
actions and 64 with drawn ones.

Run: python launch.py run rl/memory_chain_recurrent_ppo
Expected: evaluation episode_return 1, the most there is, for most seeds
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.recurrent_ppo_config import RecurrentPPOConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentPPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "MemoryChain30-bsuite"
    environment_steps: Annotated[int, "steps in all environments together"] = 400_000
    environments: Annotated[int, "environments stepped together"] = 16
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 64
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 256
    units: Annotated[int, "units of each hidden layer"] = 32
    layers: Annotated[int, "hidden layers of the policy, and of the value function"] = 1
    memory_units: Annotated[int, "units of the policy's GRU, and of the value function's"] = 32
    learning_rate: Annotated[float, "the optimiser's step size at the start"] = 3e-3
    anneal: Annotated[bool, "let learning rate and clip range fall linearly to 0"] = True
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 1.0
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.01

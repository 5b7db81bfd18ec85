"""What can be chosen of proximal policy optimisation on MinAtar's games."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.ppo_config import PPOConfig


@dataclass(frozen=True)
class MinAtarPPOConfig(PPOConfig):
    """Settings for screens of 10 x 10 cells, the same for every game."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "Breakout-MinAtar"
    environment_steps: Annotated[int, "steps in all environments together"] = 10_000_000
    environments: Annotated[int, "environments stepped together"] = 64
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 128
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 1024
    units: Annotated[int, "units of each hidden layer"] = 128
    layers: Annotated[int, "hidden layers of the policy, and of the value function"] = 1
    channels: Annotated[int, "of a 3 x 3 convolution before them, for images; 0 for none"] = 16
    anneal: Annotated[bool, "let learning rate and clip range fall linearly to 0"] = True
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.95
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.01

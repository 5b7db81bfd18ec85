"""DQN plays Breakout from images: replay, target network and environments in one program.

Eight environments of Breakout-MinAtar (gymnax; images of 10 x 10 with four channels, no sticky
actions); a network of a 3 x 3 convolution to 16 channels and 128 relu.

Run: python launch.py run rl/breakout_dqn
Expected: evaluation episode_return 42, from 29 to 57 over 3 seeds (PPO, gymnax: 28)
Time: 94 s for three seeds on an H200
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.dqn_config import DQNConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(DQNConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers"] = "Breakout-MinAtar"
    environment_steps: Annotated[int, "steps in all environments together"] = 2_000_000
    environments: Annotated[int, "environments stepped together"] = 8
    steps_per_update: Annotated[int, "steps in each environment between learning"] = 4
    gradient_steps: Annotated[int, "minibatches in one update"] = 8
    batch_size: Annotated[int, "transitions in a minibatch"] = 32
    replay_size: Annotated[int, "environment steps that are remembered"] = 100_000
    learning_starts: Annotated[int, "environment steps before the first learning"] = 5_000
    target_every: Annotated[int, "updates between two copies to the target network"] = 32
    units: Annotated[int, "units of each hidden layer"] = 128
    layers: Annotated[int, "hidden layers"] = 1
    channels: Annotated[int, "of a 3 x 3 convolution before them, for images; 0 for none"] = 16
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = False
    learning_rate: Annotated[float, "Adam's step size"] = 2.5e-4
    epsilon: Annotated[float, "share of random actions in the end"] = 0.1
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.1

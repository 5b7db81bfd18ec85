"""PQN plays Breakout: deep Q-learning without a replay or a target network, all on the device.

128 environments of Breakout-MinAtar (gymnax; images of 10 x 10 with four channels, no sticky
actions) are played for 32 steps; a network of a 3 x 3 convolution to 16 channels and 128 relu,
each with layer normalisation, then learns Q(λ) returns from these 4,096 steps in 2 passes of 32
minibatches. ε falls from 1 to .05 in the first tenth of the run. An episode is cut after 1,000
steps, and its last state keeps its value. Settings are those of the paper for MinAtar.

Run: python launch.py run rl/breakout_pqn
Expected: evaluation episode_return 74, from 40 to 94 over 3 seeds (PPO, gymnax: 28)
Time: 47 s for three seeds on an H200; hours on two cores
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.pqn_config import PQNConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(PQNConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers"] = "Breakout-MinAtar"
    environment_steps: Annotated[int, "steps in all environments together"] = 10_000_000
    environments: Annotated[int, "environments stepped together"] = 128
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 32
    epochs: Annotated[int, "passes over each rollout"] = 2
    units: Annotated[int, "units of each hidden layer"] = 128
    layers: Annotated[int, "hidden layers"] = 1
    channels: Annotated[int, "of a 3 x 3 convolution before them, for images; 0 for none"] = 16
    learning_rate: Annotated[float, "rectified Adam's step size at the start"] = 5e-4
    return_lambda: Annotated[float, "decay of the return's trace; 0 looks one step ahead"] = 0.65
    reward_scale: Annotated[float, "what rewards are multiplied by before they are learned"] = 1.0
    epsilon: Annotated[float, "share of random actions in the end"] = 0.05
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.1

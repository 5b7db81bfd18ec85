"""What can be chosen of proximal policy optimisation of a policy that remembers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import COUNT, out_of_range
from research.rl.algorithms import clipped_values_config
from research.rl.algorithms.clipped_values_config import ClippedValuesConfig, sizes_of
from research.rl.algorithms.recurrent_ppo import make_recurrent_ppo
from research.rl.environments.registered import make_environment


@dataclass(frozen=True)
class RecurrentPPOConfig(ClippedValuesConfig):
    """What can be chosen: of the layers, a GRU comes after the hidden ones."""

    memory_units: Annotated[int, "units of the policy's GRU, and of the value function's"] = 64


def validate(config: RecurrentPPOConfig) -> list[str]:
    """What is out of range, a message each."""
    problems = clipped_values_config.validate(config)
    problems += out_of_range(config, {"memory_units": COUNT})
    if problems:
        return problems
    if config.minibatch_size % (config.rollout_steps * config.groups):
        problems.append(
            "--minibatch-size must be a multiple of --rollout-steps times --groups "
            f"({config.rollout_steps * config.groups}), for environments are shuffled and never "
            f"their steps: {config.minibatch_size} is not"
        )
    return problems


def smoke(config: RecurrentPPOConfig) -> RecurrentPPOConfig:
    """Thirty small updates."""
    return replace(clipped_values_config.smoke(config), memory_units=8)


def make(config: RecurrentPPOConfig) -> Experiment:
    """Recurrent PPO in the chosen environment."""
    return make_recurrent_ppo(
        make_environment(config.environment),
        sizes_of(config),
        config.memory_units,
        floats(config),
    )

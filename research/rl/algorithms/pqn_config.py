"""What can be chosen of parallelised Q-learning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import (
    AMOUNT,
    COUNT,
    DEPTH,
    FRACTION,
    POSITIVE,
    Range,
    out_of_range,
    undivided,
)
from research.rl.algorithms.pqn import Sizes, make_pqn
from research.rl.environments.registered import make_environment, unfit
from research.rl.minibatches import undivided_rollout


@dataclass(frozen=True)
class PQNConfig:
    """What can be chosen of parallelised Q-learning."""

    environment: Annotated[str, "where; actions are numbers"] = "CartPole-v1"
    environment_steps: Annotated[int, "steps in all environments together"] = 500_000
    environments: Annotated[int, "environments stepped together"] = 32
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 64
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 128
    groups: Annotated[int, "equal parts of the environments, which devices can share"] = 1
    units: Annotated[int, "units of each hidden layer"] = 256
    layers: Annotated[int, "hidden layers"] = 2
    channels: Annotated[int, "of a 3 x 3 convolution before them, for images; 0 for none"] = 0
    layer_normalisation: Annotated[bool, "normalise what each hidden layer computes"] = True
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 64
    learning_rate: Annotated[float, "rectified Adam's step size at the start"] = 1e-4
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    return_lambda: Annotated[float, "decay of the return's trace; 0 looks one step ahead"] = 0.95
    reward_scale: Annotated[float, "what rewards are multiplied by before they are learned"] = 0.1
    epsilon: Annotated[float, "share of random actions in the end"] = 0.2
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.2
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 10.0


def validate(config: PQNConfig) -> list[str]:
    """What is out of range or does not go together, a message each."""
    problems = out_of_range(
        config,
        {
            "environment_steps": AMOUNT,
            "environments": COUNT,
            "rollout_steps": COUNT,
            "epochs": COUNT,
            "minibatch_size": COUNT,
            "groups": COUNT,
            "units": COUNT,
            "layers": DEPTH,
            "channels": AMOUNT,
            "evaluation_episodes": COUNT,
            "learning_rate": POSITIVE,
            "discount": FRACTION,
            "return_lambda": Range(0, 1),
            "reward_scale": POSITIVE,
            "epsilon": Range(0, 1),
            "exploration_fraction": Range(0, 1),
            "max_gradient_norm": POSITIVE,
        },
    )
    problems += unfit(config.environment, continuous=False, image=config.channels > 0 or None)
    problems += undivided("groups", config, "environments", "minibatch_size")
    return problems + undivided_rollout(
        config.environments, config.rollout_steps, config.minibatch_size
    )


def smoke(config: PQNConfig) -> PQNConfig:
    """Thirty small updates."""
    small = replace(config, environments=8, rollout_steps=8, minibatch_size=32, epochs=2, units=16)
    small = replace(small, channels=min(config.channels, 4), evaluation_episodes=4)
    return replace(small, environment_steps=30 * 8 * 8)


def make(config: PQNConfig) -> Experiment:
    """PQN in the chosen environment."""
    sizes = Sizes(
        environments=config.environments,
        rollout_steps=config.rollout_steps,
        epochs=config.epochs,
        minibatch_size=config.minibatch_size,
        updates=config.environment_steps // (config.environments * config.rollout_steps),
        units=(config.units,) * config.layers,
        channels=config.channels,
        layer_normalisation=config.layer_normalisation,
        groups=config.groups,
        anneal=config.anneal,
        evaluation_episodes=config.evaluation_episodes,
    )
    return make_pqn(make_environment(config.environment), sizes, floats(config))

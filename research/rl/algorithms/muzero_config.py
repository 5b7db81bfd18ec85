"""What can be chosen of MuZero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import (
    AMOUNT,
    COUNT,
    FRACTION,
    POSITIVE,
    Range,
    out_of_range,
    undivided,
)
from research.rl.algorithms.muzero import Sizes, make_muzero
from research.rl.environments.registered import make_environment, unfit
from research.rl.minibatches import undivided_rollout


@dataclass(frozen=True)
class MuZeroConfig:
    """What can be chosen of MuZero."""

    environment: Annotated[str, "where; actions are numbers"] = "FrozenLake4x4-finite"
    environment_steps: Annotated[int, "steps in all environments together"] = 800_000
    environments: Annotated[int, "environments stepped together"] = 128
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 16
    simulations: Annotated[int, "nodes of the tree that an action is found by"] = 4
    unroll_steps: Annotated[int, "steps that the model imagines where it learns"] = 3
    epochs: Annotated[int, "passes over each rollout"] = 4
    minibatch_size: Annotated[int, "examples in one gradient step"] = 256
    groups: Annotated[int, "equal parts of the environments, which devices can share"] = 1
    units: Annotated[int, "units of each hidden layer"] = 64
    latent_units: Annotated[int, "numbers that stand for a state"] = 64
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 512
    learning_rate: Annotated[float, "Adam's step size at the start"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    return_lambda: Annotated[float, "decay of the return's trace; 0 looks one step ahead"] = 0.5
    reward_scale: Annotated[float, "what rewards are multiplied by before they are learned"] = 10.0
    value_scale: Annotated[float, "how much the values that a search finds weigh"] = 0.1
    value_weight: Annotated[float, "of errors of values and rewards, beside the policy's"] = 1.0
    epsilon: Annotated[float, "share of random actions in the end"] = 0.1
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.8
    smoothing: Annotated[float, "share of all actions alike in the policy that is learned"] = 0.1
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 5.0


def validate(config: MuZeroConfig) -> list[str]:
    """What is out of range or does not go together, a message each."""
    problems = out_of_range(
        config,
        {
            "environment_steps": AMOUNT,
            "environments": COUNT,
            "rollout_steps": COUNT,
            "simulations": COUNT,
            "unroll_steps": COUNT,
            "epochs": COUNT,
            "minibatch_size": COUNT,
            "groups": COUNT,
            "units": COUNT,
            "latent_units": Range(2),
            "evaluation_episodes": COUNT,
            "learning_rate": POSITIVE,
            "discount": FRACTION,
            "return_lambda": Range(0, 1),
            "reward_scale": POSITIVE,
            "value_scale": POSITIVE,
            "value_weight": POSITIVE,
            "epsilon": Range(0, 1),
            "exploration_fraction": Range(0, 1),
            "smoothing": FRACTION,
            "max_gradient_norm": POSITIVE,
        },
    )
    problems += unfit(config.environment, continuous=False, image=False)
    problems += undivided("groups", config, "environments", "minibatch_size")
    return problems + undivided_rollout(
        config.environments, config.rollout_steps, config.minibatch_size
    )


def smoke(config: MuZeroConfig) -> MuZeroConfig:
    """Thirty small updates."""
    small = replace(config, environments=8, rollout_steps=8, minibatch_size=32, epochs=2, units=16)
    small = replace(small, latent_units=8, unroll_steps=2, evaluation_episodes=4)
    return replace(small, environment_steps=30 * 8 * 8)


def make(config: MuZeroConfig) -> Experiment:
    """MuZero in the chosen environment."""
    sizes = Sizes(
        environments=config.environments,
        rollout_steps=config.rollout_steps,
        simulations=config.simulations,
        unroll_steps=config.unroll_steps,
        epochs=config.epochs,
        minibatch_size=config.minibatch_size,
        updates=config.environment_steps // (config.environments * config.rollout_steps),
        units=config.units,
        latent_units=config.latent_units,
        groups=config.groups,
        anneal=config.anneal,
        evaluation_episodes=config.evaluation_episodes,
    )
    return make_muzero(make_environment(config.environment), sizes, floats(config))

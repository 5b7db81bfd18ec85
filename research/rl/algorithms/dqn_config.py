"""What can be chosen of deep Q-learning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, DEPTH, FRACTION, POSITIVE, Range, out_of_range
from research.rl.algorithms.dqn import Sizes, make_dqn
from research.rl.algorithms.off_policy_config import ill_sized, unlearned
from research.rl.environments.registered import make_environment, unfit


@dataclass(frozen=True)
class DQNConfig:
    """What can be chosen of deep Q-learning."""

    environment: Annotated[str, "where; actions are numbers"] = "CartPole-v1"
    environment_steps: Annotated[int, "steps in all environments together"] = 500_000
    environments: Annotated[int, "environments stepped together"] = 10
    steps_per_update: Annotated[int, "steps in each environment between learning"] = 50
    gradient_steps: Annotated[int, "minibatches in one update"] = 50
    batch_size: Annotated[int, "transitions in a minibatch"] = 128
    replay_size: Annotated[int, "environment steps that are remembered"] = 10_000
    learning_starts: Annotated[int, "environment steps before the first learning"] = 10_000
    target_every: Annotated[int, "updates between two copies to the target network"] = 1
    units: Annotated[int, "units of each hidden layer"] = 120
    layers: Annotated[int, "hidden layers"] = 2
    channels: Annotated[int, "of a 3 x 3 convolution before them, for images; 0 for none"] = 0
    double: Annotated[bool, "let the learning network choose the action that follows"] = False
    clipped_error: Annotated[bool, "let errors beyond 1 count linearly (Huber)"] = False
    duelling: Annotated[bool, "learn values and advantages apart"] = False
    prioritised: Annotated[bool, "replay what is surprising more often"] = False
    lookahead: Annotated[int, "rewards summed before the value that follows (n-step)"] = 1
    atoms: Annotated[int, "returns in a learned distribution (C51); 1 learns the mean"] = 1
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 64
    learning_rate: Annotated[float, "Adam's step size"] = 2.5e-4
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    epsilon: Annotated[float, "share of random actions in the end"] = 0.05
    exploration_fraction: Annotated[float, "of the run, until epsilon has fallen from 1"] = 0.5
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 10.0
    priority_exponent: Annotated[float, "prioritised: 0 draws all alike"] = 0.6
    importance_exponent: Annotated[float, "prioritised: bias undone at the start, 1 is all"] = 0.4
    smallest_return: Annotated[float, "atoms: the smallest return"] = 0.0
    largest_return: Annotated[float, "atoms: the largest return"] = 100.0


def validate(config: DQNConfig) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "environment_steps": AMOUNT,
            "environments": COUNT,
            "steps_per_update": COUNT,
            "gradient_steps": COUNT,
            "batch_size": COUNT,
            "replay_size": COUNT,
            "learning_starts": AMOUNT,
            "target_every": COUNT,
            "units": COUNT,
            "layers": DEPTH,
            "channels": AMOUNT,
            "lookahead": COUNT,
            "atoms": COUNT,
            "evaluation_episodes": COUNT,
            "learning_rate": POSITIVE,
            "discount": FRACTION,
            "epsilon": Range(0, 1),
            "exploration_fraction": Range(0, 1),
            "max_gradient_norm": POSITIVE,
            "priority_exponent": Range(0, 1),
            "importance_exponent": Range(0, 1),
        },
    )
    problems += unfit(config.environment, continuous=False, image=config.channels > 0 or None)
    return problems or _ill_matched(config)


def _ill_matched(config: DQNConfig) -> list[str]:
    """What does not go together, a message each."""
    size = config.replay_size
    problems = ill_sized(size, config.environments, config.batch_size)
    sizes = sizes_of(config)
    problems += unlearned(
        config.learning_starts, config.environment_steps, sizes.updates, sizes.warmup_updates
    )
    if config.lookahead * config.environments > size:
        problems.append(
            f"--replay-size {size} is too small for --lookahead {config.lookahead} in "
            f"{config.environments} environments: it must hold their product"
        )
    if config.atoms > 1 and config.smallest_return >= config.largest_return:
        problems.append(
            f"--smallest-return {config.smallest_return:g} must lie below --largest-return "
            f"{config.largest_return:g}"
        )
    return problems


def smoke(config: DQNConfig) -> DQNConfig:
    """Thirty small updates."""
    small = replace(config, environments=2, steps_per_update=4, gradient_steps=2, batch_size=8)
    small = replace(small, units=16, atoms=min(config.atoms, 5), replay_size=100)
    return replace(small, environment_steps=240, learning_starts=32, evaluation_episodes=4)


def sizes_of(config: DQNConfig) -> Sizes:
    """The shapes and loops that were chosen."""
    steps = config.environments * config.steps_per_update
    # The first learning finds a whole return to learn from in each environment.
    first = max(config.learning_starts, config.environments * config.lookahead)
    return Sizes(
        updates=config.environment_steps // steps,
        environments=config.environments,
        steps=config.steps_per_update,
        gradient_steps=config.gradient_steps,
        batch_size=config.batch_size,
        capacity=config.replay_size,
        warmup_updates=-(-first // steps) - 1,
        target_every=config.target_every,
        lookahead=config.lookahead,
        units=(config.units,) * config.layers,
        channels=config.channels,
        atoms=config.atoms,
        double=config.double,
        clipped_error=config.clipped_error,
        duelling=config.duelling,
        prioritised=config.prioritised,
        anneal=config.anneal,
        evaluation_episodes=config.evaluation_episodes,
    )


def make(config: DQNConfig) -> Experiment:
    """Deep Q-learning with the chosen improvements, in the chosen environment."""
    return make_dqn(make_environment(config.environment), sizes_of(config), floats(config))

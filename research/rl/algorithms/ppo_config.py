"""What can be chosen of proximal policy optimisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range
from research.rl.algorithms.policy_gradient_config import PolicyGradientConfig, problems_of
from research.rl.algorithms.ppo import Sizes, make_ppo
from research.rl.environments.registered import make_environment, unfit
from research.rl.minibatches import undivided_rollout


@dataclass(frozen=True)
class PPOConfig(PolicyGradientConfig):
    """What can be chosen of proximal policy optimisation."""

    environment_steps: Annotated[int, "steps in all environments together"] = 200_000
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 32
    epochs: Annotated[int, "passes over each rollout"] = 20
    minibatch_size: Annotated[int, "examples in one gradient step"] = 256
    anneal: Annotated[bool, "let learning rate and clip range fall linearly to 0"] = False
    normalise_observations: Annotated[bool, "to mean 0 and deviation 1, by all seen"] = False
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns"] = False
    discount: Annotated[float, "weight of the next step's value"] = 0.98
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.8
    clip_range: Annotated[float, "how far a probability ratio counts, at the start"] = 0.2
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.0


Chosen = TypeVar("Chosen", bound=PPOConfig)


def validate(config: PPOConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "environment_steps": AMOUNT,
        "rollout_steps": COUNT,
        "epochs": COUNT,
        "minibatch_size": COUNT,
        "gae_lambda": Range(0, 1),
        "clip_range": POSITIVE,
        "entropy_weight": AMOUNT,
    }
    problems = problems_of(config, ranges, "minibatch_size")
    problems += undivided_rollout(config.environments, config.rollout_steps, config.minibatch_size)
    numbered = not unfit(config.environment) and bool(unfit(config.environment, numbered=False))
    if config.normalise_observations and numbered:
        problems.append(
            f"--normalise-observations: those of {config.environment} are numbers of states"
        )
    return problems


def smoke(config: Chosen) -> Chosen:
    """Thirty small updates."""
    small = replace(config, environments=8, rollout_steps=8, minibatch_size=32, epochs=2, units=16)
    return replace(small, environment_steps=30 * 8 * 8, evaluation_episodes=4)


def make(config: PPOConfig) -> Experiment:
    """PPO in the chosen environment."""
    return make_ppo(make_environment(config.environment), sizes_of(config), floats(config))


def sizes_of(config: PPOConfig) -> Sizes:
    """Shapes and loops."""
    return Sizes(
        environments=config.environments,
        rollout_steps=config.rollout_steps,
        epochs=config.epochs,
        minibatch_size=config.minibatch_size,
        units=(config.units,) * config.layers,
        channels=config.channels,
        updates=config.environment_steps // (config.environments * config.rollout_steps),
        groups=config.groups,
        anneal=config.anneal,
        evaluation_episodes=config.evaluation_episodes,
        normalise_observations=config.normalise_observations,
        normalise_rewards=config.normalise_rewards,
    )

"""What can be chosen of every algorithm that acts with vectors and learns from a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from research.options.ranges import AMOUNT, COUNT, DEPTH, FRACTION, POSITIVE, Range, out_of_range
from research.rl.environments.registered import unfit
from research.rl.off_policy import Sizes


@dataclass(frozen=True)
class OffPolicyConfig:
    """What can be chosen, whatever the algorithm."""

    environment: Annotated[str, "where; actions are vectors"] = "Pendulum-v1"
    environment_steps: Annotated[int, "steps in all environments together"] = 20_000
    environments: Annotated[int, "environments stepped together"] = 4
    steps_per_update: Annotated[int, "steps in each environment between learning"] = 4
    gradient_steps: Annotated[int, "minibatches in one update"] = 16
    batch_size: Annotated[int, "transitions in a minibatch"] = 256
    replay_size: Annotated[int, "environment steps that are remembered"] = 20_000
    learning_starts: Annotated[int, "environment steps, drawn all alike, before learning"] = 400
    units: Annotated[int, "units of each hidden layer of every network"] = 64
    layers: Annotated[int, "hidden layers of every network"] = 2
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 64
    learning_rate: Annotated[float, "Adam's step size"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    target_rate: Annotated[float, "how far targets follow at each gradient step"] = 0.005


AnyConfig = TypeVar("AnyConfig", bound=OffPolicyConfig)


def problems_of(config: OffPolicyConfig, ranges: Mapping[str, Range]) -> list[str]:
    """What is out of range or does not go together, a message each.

    Args:
        config: what was chosen.
        ranges: of the algorithm's own fields.
    """
    found = out_of_range(
        config,
        {
            "environment_steps": AMOUNT,
            "environments": COUNT,
            "steps_per_update": COUNT,
            "gradient_steps": COUNT,
            "batch_size": COUNT,
            "replay_size": COUNT,
            "learning_starts": AMOUNT,
            "units": COUNT,
            "layers": DEPTH,
            "evaluation_episodes": COUNT,
            "learning_rate": POSITIVE,
            "discount": FRACTION,
            "target_rate": Range(0, 1, above=True),
            **ranges,
        },
    )
    found += unfit(config.environment, continuous=True)
    if found:
        return found
    sizes = sizes_of(config)
    return ill_sized(config.replay_size, config.environments, config.batch_size) + unlearned(
        config.learning_starts, config.environment_steps, sizes.updates, sizes.warmup_updates
    )


def ill_sized(replay_size: int, environments: int, batch_size: int) -> list[str]:
    """Why a replay does not go with the environments or the minibatches, a message each."""
    found = []
    if replay_size % environments:
        found.append(f"--environments must divide --replay-size: {replay_size} % {environments}")
    if batch_size > replay_size:
        found.append(f"--batch-size {batch_size} is more than --replay-size {replay_size} holds")
    return found


def unlearned(
    learning_starts: int, environment_steps: int, updates: int, warmup_updates: int
) -> list[str]:
    """One message where all updates of a run are over before learning starts."""
    if not 0 < updates <= warmup_updates:
        return []
    return [
        f"--learning-starts {learning_starts}: in --environment-steps {environment_steps} nothing "
        "would be learned; let learning start sooner, or take more steps"
    ]


def smoke(config: AnyConfig) -> AnyConfig:
    """Thirty small updates."""
    short = replace(config, environments=2, steps_per_update=4, gradient_steps=2, batch_size=8)
    short = replace(short, units=16, replay_size=100, evaluation_episodes=4)
    return replace(short, environment_steps=240, learning_starts=32)


def sizes_of(config: OffPolicyConfig) -> Sizes:
    """The shapes and loops that were chosen."""
    steps = config.environments * config.steps_per_update
    return Sizes(
        updates=config.environment_steps // steps,
        environments=config.environments,
        steps=config.steps_per_update,
        gradient_steps=config.gradient_steps,
        batch_size=config.batch_size,
        capacity=config.replay_size,
        warmup_updates=-(-config.learning_starts // steps),
        units=(config.units,) * config.layers,
        evaluation_episodes=config.evaluation_episodes,
    )

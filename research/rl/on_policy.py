"""What algorithms share that learn from what their policy has just done, and then forget it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Divides, Range, undivided
from research.rl.environments.registered import unfit


@dataclass(frozen=True)
class OnPolicy(Config):
    """What can be chosen of each of them."""

    environment: Annotated[str, "where"] = "CartPole-v1"
    environments: Annotated[int, "environments stepped together", COUNT] = 8
    groups: Annotated[
        int,
        "equal parts of the environments, which devices can share",
        COUNT,
        Divides(("environments",)),
    ] = 1
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation", COUNT] = 64
    learning_rate: Annotated[float, "the optimiser's step size at the start", POSITIVE] = 1e-3
    discount: Annotated[float, "weight of the next step's value", Range(0, 1)] = 0.99
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 0.5


@dataclass(frozen=True)
class Rollouts(OnPolicy):
    """What can be chosen where every update is of as many steps of each environment."""

    environment_steps: Annotated[int, "steps in all environments together", AMOUNT] = 200_000
    rollout_steps: Annotated[int, "steps in each environment between two updates", COUNT] = 32
    anneal: Annotated[bool, "let the learning rate, and a clip range, fall linearly to 0"] = False

    @property
    def rollout_size(self) -> int:
        """Steps of all environments in a rollout."""
        return self.environments * self.rollout_steps

    @property
    def updates(self) -> int:
        """Rollouts in a whole run."""
        return self.environment_steps // self.rollout_size


@dataclass(frozen=True)
class Minibatches(Rollouts):
    """What can be chosen where a rollout is learned from in minibatches, several times over."""

    epochs: Annotated[int, "passes over each rollout", COUNT] = 4
    minibatch_size: Annotated[int, "examples in one gradient step", COUNT] = 256

    def problems(self) -> list[str]:
        """Where a rollout does not divide into minibatches, nor these into the groups."""
        found = super().problems() + undivided("groups", self, "minibatch_size")
        if self.rollout_size % self.minibatch_size:
            found.append(
                "--minibatch-size must divide --environments times --rollout-steps "
                f"({self.rollout_size}): {self.minibatch_size} does not"
            )
        return found

    def smoke(self) -> Self:
        """Thirty small updates."""
        small = replace(self, environments=8, rollout_steps=8, minibatch_size=32, epochs=2)
        return replace(small, environment_steps=30 * 8 * 8, evaluation_episodes=4)


def unfit_to_normalise(environment: str, normalise_observations: bool) -> list[str]:
    """One message where the observations that are to be normalised are numbers of states."""
    numbered = not unfit(environment) and bool(unfit(environment, numbered=False))
    if normalise_observations and numbered:
        return [f"--normalise-observations: those of {environment} are numbers of states"]
    return []

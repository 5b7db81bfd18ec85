"""A pole kept up by a rule that nobody learned: push towards the side to which it leans.

In CartPole-v1 (gymnax) the cart is pushed right where the pole leans right, else left, whatever
else is observed. The pole swings ever wider and falls. Nothing is trained; the evaluation plays 500
episodes and gives mean (`episode_return`), standard deviation and largest return. G2 ch18 plays
500 too, at most 200 steps each, which none reaches. It is what those that search or learn must
beat. A rule that sees the pole's motion as well, `--angular-velocity-weight 1`, reaches 487 of 500.

Run: python launch.py run rl/cartpole_hard_coded
Expected: evaluation episode_return 42, return_deviation 9 (G2 ch18: 41.7 and 8.9)
Time: 1 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

import jax
import jax.numpy as jnp

from research.engine.experiment import Experiment, Hyperparameters
from research.options.config import Config
from research.options.ranges import Range
from research.rl.algorithms.fixed_policy import make_fixed_policy
from research.rl.distributions import Categorical
from research.rl.environments.registered import make_environment

CERTAIN = 1000.0
"""Distance between the logits of the two actions: large enough that nothing is left to chance."""


@dataclass(frozen=True)
class HardCoded(Config):
    """Options."""

    evaluation_episodes: Annotated[int, "episodes that are played", Range(2)] = 500
    angle_weight: Annotated[float, "of the pole's angle in the rule", Range()] = 1.0
    angular_velocity_weight: Annotated[
        float, "of the pole's angular velocity in the rule", Range()
    ] = 0.0

    def smoke(self) -> Self:
        """A few episodes."""
        return replace(self, evaluation_episodes=4)

    def make(self) -> Experiment:
        """The rule on CartPole-v1."""
        return make_fixed_policy(make_environment("CartPole-v1"), rule, self.evaluation_episodes)


def rule(values: Hyperparameters, observations: jax.Array) -> Categorical:
    """Right (1) where the weighted sum of angle and angular velocity is at least 0, else left (0).

    Args:
        values: `angle_weight`, `angular_velocity_weight`.
        observations: float32 `[..., 4]`: position, velocity, angle, angular velocity.
    """
    lean = (
        values["angle_weight"] * observations[..., 2]
        + values["angular_velocity_weight"] * observations[..., 3]
    )
    right = jnp.where(lean >= 0, CERTAIN, -CERTAIN)
    return Categorical(jnp.stack([jnp.zeros_like(right), right], axis=-1))


config = HardCoded()

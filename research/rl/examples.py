"""What policies learn from: steps of rollouts with advantages, and the figures of a rollout."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters
from research.engine.metrics import Metrics, count, maximum, mean
from research.rl.advantages import generalised_advantages
from research.rl.distributions import Distribution
from research.rl.network import PolicyAndValue
from research.rl.rollout import Trajectory


class Examples(NamedTuple):
    """What the gradient steps learn from, leaves `[batch, ...]`.

    What is remembered over several steps is learned from whole pieces of time: leaves are
    `[batch, time, ...]` then.

    Attributes:
        observation: what a network is shown to say actions and values: `[batch,
            *observation_shape]`, or a pytree.
        action: int32 `[batch]`, or float32 `[batch, dimensions]`.
        log_probability: float32 `[batch]`, of the action under the policy that took it.
        advantage: float32 `[batch]`.
        target: float32 `[batch]`, what the value function should have said.
        value: float32 `[batch]`, what it said; None where that is not asked for.
    """

    observation: Any
    action: jax.Array
    log_probability: jax.Array
    advantage: jax.Array
    target: jax.Array
    value: jax.Array | None = None


def make_examples(
    network: PolicyAndValue, params: Any, trajectory: Trajectory, hyperparameters: Hyperparameters
) -> Examples:
    """Turns `[time, environments]` steps into examples, with the parameters that acted.

    Args:
        network: policy and value function.
        params: its parameters.
        trajectory: what happened.
        hyperparameters: `discount` and `gae_lambda`.
    """
    # One call for both kinds of values; neither is needed while acting.
    both = jnp.stack([trajectory.observation, trajectory.final_observation])
    value, final_value = network.apply(params, both, method="value")
    said = network.apply(params, trajectory.observation, method="policy")
    shown = trajectory.observation
    examples = judged(trajectory, shown, said, value, final_value, hyperparameters)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), examples)


def judged(
    trajectory: Trajectory,
    shown: Any,
    said: Distribution,
    value: jax.Array,
    final_value: jax.Array,
    hyperparameters: Hyperparameters,
) -> Examples:
    """The examples of a trajectory, leaves `[time, environments, ...]`.

    Args:
        trajectory: what happened.
        shown: `Examples.observation`.
        said: the actions' distributions where they were taken.
        value: float32 `[time, environments]`, V of what was acted on.
        final_value: float32 `[time, environments]`, V of what the action led to, in its episode.
        hyperparameters: `discount` and `gae_lambda`.
    """
    advantage = generalised_advantages(
        trajectory.reward,
        value,
        final_value,
        trajectory.terminated,
        trajectory.truncated,
        hyperparameters["discount"],
        hyperparameters["gae_lambda"],
    )
    return Examples(
        observation=shown,
        action=trajectory.action,
        log_probability=said.log_probability(trajectory.action),
        advantage=advantage,
        target=advantage + value,
        value=value,
    )


def finished(trajectory: Trajectory) -> Metrics:
    """What the episodes that ended in a rollout came to."""
    done = trajectory.terminated | trajectory.truncated
    return {
        "episode_return": mean(trajectory.episode_return, done),
        "episodes": count(done),
        "longest_episode": maximum(trajectory.episode_length, where=done),
    }

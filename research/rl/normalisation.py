"""Normalisation of observations and rewards by their moments so far.

All functions are pure. The moments lie in the state of the algorithm and are merged in the order
of groups and rollouts, so that the bits are the same anywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from research.rl.rollout import Trajectory

LARGEST = 10.0
"""Bound on the size of normalised numbers, unless a function is given another."""


class Moments(NamedTuple):
    """Number, mean and spread of values so far, of each entry by itself: leaves `[*shape]`.

    Attributes:
        number: float32, how often.
        mean: float32.
        squares: float32, the sum of squared distances from the mean.
    """

    number: jax.Array
    mean: jax.Array
    squares: jax.Array


class Statistics(NamedTuple):
    """Moments of what the environments gave; None where nothing is normalised by them.

    Attributes:
        observations: moments of observations, leaves `[*observation_shape]`.
        returns: moments of the discounted rewards since an episode began, scalars.
    """

    observations: Moments | None = None
    returns: Moments | None = None


def no_moments(shape: tuple[int, ...]) -> Moments:
    """Of nothing yet."""
    return Moments(*(jnp.zeros(shape, jnp.float32) for _ in Moments._fields))


def moments_of(values: jax.Array, dimensions: int) -> Moments:
    """Moments over all but the last `dimensions` axes.

    Values are float32 `[..., *shape]`, of at least one entry.
    """
    axes = tuple(range(values.ndim - dimensions))
    mean = jnp.mean(values, axes)
    squares = jnp.sum(jnp.square(values - mean), axes)
    number = values.size // max(1, mean.size)
    return Moments(jnp.full(mean.shape, number, jnp.float32), mean, squares)


def merge_moments(first: Moments, second: Moments) -> Moments:
    """Both as one, entry by entry; either may be of nothing.

    Source: Chan, Golub and LeVeque 1983 (doi 10.1080/00031305.1983.10483115), eq. 2.1, in the form
        that does not cancel.
    """
    count = first.number + second.number
    share = second.number / jnp.maximum(count, 1.0)
    between = second.mean - first.mean
    return Moments(
        count,
        first.mean + share * between,
        first.squares + second.squares + first.number * share * jnp.square(between),
    )


def merge_statistics(first: Statistics, second: Statistics) -> Statistics:
    """Both as one."""
    return Statistics(
        *(
            None if one is None or other is None else merge_moments(one, other)
            for one, other in zip(first, second, strict=True)
        )
    )


def no_statistics(shape: tuple[int, ...], observations: bool, rewards: bool) -> Statistics:
    """Of nothing yet, of what is to be normalised: observations `[*shape]`, rewards, or both."""
    return Statistics(
        no_moments(shape) if observations else None, no_moments(()) if rewards else None
    )


def statistics_of(
    trajectory: Trajectory, observations: bool, running: jax.Array | None, discount: jax.Array
) -> tuple[Statistics, jax.Array | None]:
    """Statistics of one rollout, and the running discounted rewards after it.

    `running`, float32 `[environments]`, are discounted rewards of the running episodes before the
    first step; None where rewards are not normalised.
    """
    observed = returns = None
    if observations:
        observed = moments_of(trajectory.observation, trajectory.observation.ndim - 2)
    if running is not None:
        sums, running = discounted_sums(trajectory.reward, trajectory.ended, running, discount)
        returns = moments_of(sums, 0)
    return Statistics(observed, returns), running


def up_to_rollout(earlier: Statistics, rollout: Statistics) -> Statistics:
    """The statistics that a rollout, or a group's part of it, is normalised by for its examples.

    Observations as they were when they were acted on; rewards by this rollout as well, as
    gymnasium's `NormalizeReward` and Stable-Baselines3's `VecNormalize` count a reward before they
    scale it: those of the first rollout would otherwise stay as they are.
    """
    return earlier._replace(returns=merge_statistics(earlier, rollout).returns)


def deviation(moments: Moments) -> jax.Array:
    """The standard deviation `[*shape]`; 1 before the first value."""
    variance = moments.squares / jnp.maximum(moments.number, 1.0)
    return jnp.where(moments.number > 0, jnp.sqrt(variance + 1e-8), 1.0)


def normalise_observations(
    observations: jax.Array, moments: Moments | None, largest: float = LARGEST
) -> jax.Array:
    """Observations `[..., *shape]` with mean 0 and standard deviation 1, at most `largest` in size.

    As they are if there are no moments.
    """
    if moments is None:
        return observations
    normal = (observations - moments.mean) / deviation(moments)
    return jnp.clip(normal, -largest, largest)


def scale_rewards(rewards: jax.Array, moments: Moments | None) -> jax.Array:
    """Rewards `[...]` over the standard deviation of discounted returns; as they are if None.

    Their mean stays: to take it away would change which behaviour is best.

    Source: Engstrom et al. 2020 (arXiv 2005.12729), algorithm 1.
    """
    if moments is None:
        return rewards
    return jnp.clip(rewards / deviation(moments), -LARGEST, LARGEST)


def normalise(trajectory: Trajectory, statistics: Statistics) -> Trajectory:
    """The trajectory with observations and rewards normalised."""
    return trajectory._replace(
        observation=normalise_observations(trajectory.observation, statistics.observations),
        final_observation=normalise_observations(
            trajectory.final_observation, statistics.observations
        ),
        reward=scale_rewards(trajectory.reward, statistics.returns),
    )


def discounted_sums(
    reward: Float[Array, "time environments"],
    ended: Bool[Array, "time environments"],
    running: Float[Array, " environments"],
    discount: Array | float,
) -> tuple[Float[Array, "time environments"], Float[Array, " environments"]]:
    """Discounted rewards since each episode began, D_t = γ D_{t-1} + r_t, and `running` after them.

    A new episode starts at 0: the last rewards of one do not reach into the next. `running` is D
    before the first step.
    """

    def add(running: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        reward, ended = step
        total = discount * running + reward
        return jnp.where(ended, 0.0, total), total

    after, sums = jax.lax.scan(add, running, (reward, ended))
    return sums, after

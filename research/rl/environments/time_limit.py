"""A wrapper that cuts episodes earlier than the environment's own time limit."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.rl.environments.environment import Environment, EnvironmentState, TimeStep


class LimitState(NamedTuple):
    """The state of an environment with a time limit.

    Attributes:
        inner: the state of the environment itself.
        time: int32 scalar, steps of the running episode so far.
    """

    inner: EnvironmentState
    time: jax.Array


def limit_episodes(environment: Environment, longest_episode: int) -> Environment:
    """The environment, whose episodes are truncated after `longest_episode` steps.

    An episode that ends by itself in its last step is terminated and not truncated. Until it is
    cut an episode is that of the environment alone, bit for bit.

    Args:
        environment: any.
        longest_episode: steps, at least one and at most the environment's own limit.

    Raises:
        ValueError: the limit is below one step or beyond the environment's own.
    """
    own = environment.longest_episode
    if not 1 <= longest_episode <= own:
        raise ValueError(
            f"a time limit for {environment.name} is from 1 step to {own}, its own, not "
            f"{longest_episode}"
        )

    def reset(key: Key) -> tuple[LimitState, jax.Array]:
        inner, observation = environment.reset(key)
        return LimitState(inner, jnp.int32(0)), observation

    def step(key: Key, state: LimitState, action: jax.Array) -> tuple[LimitState, TimeStep]:
        inner, timestep = environment.step(key, state.inner, action)
        ended = timestep.terminated | timestep.truncated
        time = state.time + 1
        cut = (time >= longest_episode) & ~ended
        fresh, first = environment.reset(jax.random.fold_in(key, _PURPOSE))
        inner, observation = jax.tree.map(
            lambda new, old: jnp.where(cut, new, old), (fresh, first), (inner, timestep.observation)
        )
        timestep = timestep._replace(observation=observation, truncated=timestep.truncated | cut)
        return LimitState(inner, jnp.where(ended | cut, 0, time)), timestep

    return environment._replace(reset=reset, step=step, longest_episode=longest_episode)


# The environment splits the same key into few: none of these is its child with this number.
_PURPOSE = zlib.crc32(b"time limit")

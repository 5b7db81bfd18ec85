"""A wrapper that repeats the action before now and then: chance for deterministic environments."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.rl.environments.environment import Discrete, Environment, EnvironmentState, TimeStep


class StickyState(NamedTuple):
    """The state of an environment with sticky actions.

    Attributes:
        inner: the state of the environment itself.
        previous_action: the action carried out last, int32 scalar or float32 `[dimensions]`; not
            used in a fresh episode.
        fresh: bool scalar, whether the episode has had no action yet.
    """

    inner: EnvironmentState
    previous_action: jax.Array
    fresh: jax.Array


def stick_actions(environment: Environment, probability: float) -> Environment:
    """The environment, which at times repeats its last action instead of the one that it is given.

    What is repeated is the action that was carried out, itself perhaps a repetition; the first
    action of an episode repeats nothing. The environment's own chance is that of the environment
    alone: with probability 0 both are the same, bit for bit.

    Args:
        environment: any.
        probability: of a repetition in each step.

    Raises:
        ValueError: the probability is not at least 0 and below 1.

    Source: Machado et al. 2018 (arXiv 1709.06009), section 5.
    """
    if not 0 <= probability < 1:
        raise ValueError(f"an action sticks with a probability of at least 0 and below 1, not "
                         f"{probability}")  # fmt: skip
    space = environment.action_space
    nothing = jnp.int32(0) if isinstance(space, Discrete) else jnp.zeros(space.low.shape)

    def reset(key: Key) -> tuple[StickyState, jax.Array]:
        inner, observation = environment.reset(key)
        return StickyState(inner, nothing, jnp.bool_(True)), observation

    def step(key: Key, state: StickyState, action: jax.Array) -> tuple[StickyState, TimeStep]:
        repeats = jax.random.bernoulli(jax.random.fold_in(key, _PURPOSE), probability)
        taken = jnp.where(repeats & ~state.fresh, state.previous_action, action)
        taken = taken.astype(nothing.dtype)
        inner, timestep = environment.step(key, state.inner, taken)
        return StickyState(inner, taken, timestep.terminated | timestep.truncated), timestep

    return environment._replace(reset=reset, step=step)


# The environment splits the same key into few: none of these is its child with this number.
_PURPOSE = zlib.crc32(b"sticky actions")

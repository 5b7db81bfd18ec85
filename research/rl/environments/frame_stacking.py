"""A wrapper that stacks the last few observations, so that they hold velocities."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.rl.environments.environment import Environment, EnvironmentState, TimeStep


class StackState(NamedTuple):
    """The state of an environment with stacked observations.

    Attributes:
        inner: the state of the environment itself.
        stack: what is acted on next, float32 `[*observation_shape]` of the stacked environment.
    """

    inner: EnvironmentState
    stack: jax.Array


def stack_frames(environment: Environment, frames: int) -> Environment:
    """The environment, whose observations are its last ones side by side, the oldest first.

    They lie along the last axis, as networks want them: vectors `[features]` become
    `[frames * features]`, images with channels `[height, width, frames * channels]`, and images
    without `[height, width, frames]`. An episode begins with its first observation in all places.
    Where it ends, `final_observation` is the stack of the episode that ended, and `observation`
    that of the new one, in which nothing of the old is left. A renderer draws the newest.

    Args:
        environment: its observations are no indices of states.
        frames: observations in a stack; 1 changes no value.

    Raises:
        ValueError: no frames are asked for, or observations are indices of states.

    Source: Mnih et al. 2015, *Human-level control through deep reinforcement learning*, methods.
    """
    if frames < 1:
        raise ValueError(f"a stack has at least one frame, not {frames}")
    if environment.states is not None:
        raise ValueError(
            f"the observations of {environment.name} are indices of states: they do not stack"
        )
    one_shape, renderer = environment.observation_shape, environment.renderer
    has_channels = len(one_shape) in (1, 3)
    shape = one_shape if has_channels else (*one_shape, 1)
    channels = shape[-1]

    def begin(observation: jax.Array) -> jax.Array:
        return jnp.concatenate([observation.reshape(shape)] * frames, axis=-1)

    def push(stack: jax.Array, observation: jax.Array) -> jax.Array:
        return jnp.concatenate([stack[..., channels:], observation.reshape(shape)], axis=-1)

    def reset(key: Key) -> tuple[StackState, jax.Array]:
        inner, observation = environment.reset(key)
        stack = begin(observation)
        return StackState(inner, stack), stack

    def step(key: Key, state: StackState, action: jax.Array) -> tuple[StackState, TimeStep]:
        inner, timestep = environment.step(key, state.inner, action)
        after = push(state.stack, timestep.final_observation)
        ended = timestep.terminated | timestep.truncated
        stack = jnp.where(ended, begin(timestep.observation), after)
        timestep = timestep._replace(observation=stack, final_observation=after)
        return StackState(inner, stack), timestep

    def draw_newest(observations: np.ndarray) -> np.ndarray:
        assert renderer is not None
        newest = observations[..., -channels:]
        return renderer.draw(newest.reshape(len(newest), *one_shape))

    return environment._replace(
        reset=reset,
        step=step,
        observation_shape=(*shape[:-1], frames * channels),
        renderer=renderer and renderer._replace(draw=draw_newest),
    )

"""Environments as pairs of pure functions with fixed shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.rl import cartpole

EnvironmentState = Any
"""A pytree: all that an environment's next step depends on."""


class TimeStep(NamedTuple):
    """What one step of one environment shows.

    Attributes:
        observation: float32 `[*observation_shape]`, what to act on next: the first of a new
            episode where this step ended one.
        reward: float32 scalar.
        terminated: bool scalar, the process itself ended: nothing follows.
        truncated: bool scalar, a time limit cut the episode: more would have followed.
        final_observation: float32 `[*observation_shape]`, where the action led, before any
            reset; equal to `observation` unless the episode ended.
    """

    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array


class Renderer(NamedTuple):
    """How an environment is drawn.

    Attributes:
        draw: observations float32 `[frames, *observation_shape]` ->
            uint8 `[frames, height, width]`, numbers of colours; pure, on the host.
        palette: uint8 `[colours, 3]`, red, green and blue.
        seconds: how long a step takes in the world.
    """

    draw: Callable[[np.ndarray], np.ndarray]
    palette: np.ndarray
    seconds: float


class Environment(NamedTuple):
    """One environment; `jax.vmap` makes many. An ended episode is reset within `step`.

    Attributes:
        reset: (key) -> (state, observation).
        step: (key, state, action int32 scalar) -> (state, `TimeStep`).
        observation_shape: the shape of an observation.
        actions: the number of discrete actions.
        longest_episode: the steps after which every episode has ended.
        renderer: draws it for people; None where nothing does.
    """

    reset: Callable[[Key], tuple[EnvironmentState, jax.Array]]
    step: Callable[[Key, EnvironmentState, jax.Array], tuple[EnvironmentState, TimeStep]]
    observation_shape: tuple[int, ...]
    actions: int
    longest_episode: int
    renderer: Renderer | None = None


RENDERERS: dict[str, Renderer] = {
    "CartPole-v1": Renderer(cartpole.draw, cartpole.PALETTE, cartpole.SECONDS)
}
"""Name in gymnax -> how it is drawn."""


def make_gymnax(name: str) -> Environment:
    """The environment that gymnax registers as `name`, with its default parameters.

    A step that both terminates and reaches the time limit counts as terminated alone.

    Raises:
        ValueError: gymnax knows no such name, or its actions are not discrete.
    """
    import gymnax  # takes two seconds: only for those who ask for it

    environment, parameters = gymnax.make(name)
    space = environment.action_space(parameters)
    if not hasattr(space, "n"):
        raise ValueError(f"the actions of {name} are not discrete")

    def reset(key: Key) -> tuple[EnvironmentState, jax.Array]:
        observation, state = environment.reset(key, parameters)
        return _strong(state), jnp.asarray(observation, jnp.float32)

    def step(
        key: Key, state: EnvironmentState, action: jax.Array
    ) -> tuple[EnvironmentState, TimeStep]:
        observation, state, reward, terminated, truncated, info = environment.step(
            key, state, action, parameters
        )
        terminated = jnp.asarray(terminated, bool)
        return _strong(state), TimeStep(
            observation=jnp.asarray(observation, jnp.float32),
            reward=jnp.asarray(reward, jnp.float32),
            terminated=terminated,
            truncated=jnp.asarray(truncated, bool) & ~terminated,
            final_observation=jnp.asarray(info["final_observation"], jnp.float32),
        )

    return Environment(
        reset=reset,
        step=step,
        observation_shape=tuple(environment.observation_space(parameters).shape),
        actions=int(space.n),
        longest_episode=int(parameters.max_steps_in_episode),
        renderer=RENDERERS.get(name),
    )


def _strong(state: EnvironmentState) -> EnvironmentState:
    """The state without weak types, which gymnax's Python numbers bring in: a loop carries it."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)

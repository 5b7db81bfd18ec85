"""Wrappers: environments with actions clipped, scaled or sticky, frames stacked, episodes cut.

Some are chosen in an environment's name: `Breakout-MinAtar:sticky=0.25:stack=4`.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.options.ranges import COUNT, FRACTION, Range
from research.rl.environments.interface import (
    Box,
    Discrete,
    Environment,
    EnvironmentState,
    TimeStep,
)


def clip_actions(environment: Environment) -> Environment:
    """The environment, with every action moved to the nearest one within its bounds.

    Where actions are discrete, without bounds, it is the environment itself.
    """
    if not isinstance(environment.action_space, Box):
        return environment
    low, high = environment.bounds
    return _change_actions(environment, lambda action: jnp.clip(action, low, high))


def scale_actions(environment: Environment) -> Environment:
    """The environment, with actions from -1 to 1 that stand for those from `low` to `high`."""
    low, high = environment.bounds
    middle, half, unit = (low + high) / 2, (high - low) / 2, np.ones_like(low)

    def scaled(action: jax.Array) -> jax.Array:
        return middle + half * jnp.clip(action, -1.0, 1.0)

    return _change_actions(environment, scaled)._replace(action_space=Box(-unit, unit))


def _change_actions(
    environment: Environment, change: Callable[[jax.Array], jax.Array]
) -> Environment:
    def step(
        key: Key, state: EnvironmentState, action: jax.Array
    ) -> tuple[EnvironmentState, TimeStep]:
        return environment.step(key, state, change(action))

    return environment._replace(
        step=step, own_action=lambda action: environment.own_action(change(action))
    )


class StackState(NamedTuple):
    """The state of an environment with stacked observations.

    Attributes:
        inner: the state of the environment itself.
        stack: acted on next, float32 `[*observation_shape]` of the stacked environment.
    """

    inner: EnvironmentState
    stack: jax.Array


def stack_frames(environment: Environment, frames: int) -> Environment:
    """The environment, whose observations are its last ones side by side, the oldest first.

    They lie along the last axis, as networks want them: vectors `[features]` become `[frames *
    features]`, images with channels `[height, width, frames * channels]`, and images without
    `[height, width, frames]`. An episode begins with its first observation in all places. Where it
    ends, `final_observation` is the stack of the episode that ended, and `observation` that of the
    new one, in which nothing of the old is left. A renderer draws the newest. A stack of 1 changes
    no value.

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
        stack = jnp.where(timestep.ended, begin(timestep.observation), after)
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

    What is repeated, with a probability in each step, is the action that was carried out, itself
    perhaps a repetition; the first action of an episode repeats nothing. The environment's own
    chance is that of the environment alone: with probability 0 both are the same, bit for bit.

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
        repeats = jax.random.bernoulli(jax.random.fold_in(key, _STICKY), probability)
        taken = jnp.where(repeats & ~state.fresh, state.previous_action, action)
        taken = taken.astype(nothing.dtype)
        inner, timestep = environment.step(key, state.inner, taken)
        return StickyState(inner, taken, timestep.ended), timestep

    return environment._replace(reset=reset, step=step)


# The environment splits the same key into few: none of these is its child with this number.
_STICKY = zlib.crc32(b"sticky actions")


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

    An episode that ends by itself in its last step is terminated and not truncated. Until it is cut
    an episode is that of the environment alone, bit for bit.

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
        ended = timestep.ended
        time = state.time + 1
        cut = (time >= longest_episode) & ~ended
        fresh, first = environment.reset(jax.random.fold_in(key, _LIMIT))
        inner, observation = jax.tree.map(
            lambda new, old: jnp.where(cut, new, old), (fresh, first), (inner, timestep.observation)
        )
        timestep = timestep._replace(observation=observation, truncated=timestep.truncated | cut)
        return LimitState(inner, jnp.where(ended | cut, 0, time)), timestep

    return environment._replace(reset=reset, step=step, longest_episode=longest_episode)


# The environment splits the same key into few: none of these is its child with this number.
_LIMIT = zlib.crc32(b"time limit")


class Wrapper(NamedTuple):
    """A wrapper that can follow an environment's name.

    Attributes:
        wrap: (environment, value) -> environment.
        kind: `int` or `float`, of its value.
        allowed: which values.
        help: its effect, with its value.
    """

    wrap: Callable[[Environment, Any], Environment]
    kind: type[int] | type[float]
    allowed: Range
    help: str


WRAPPERS = {
    "limit": Wrapper(limit_episodes, int, COUNT, "cuts episodes after so many steps"),
    "stack": Wrapper(stack_frames, int, COUNT, "shows so many observations at once"),
    "sticky": Wrapper(stick_actions, float, FRACTION, "so often repeats the action before"),
}
"""Name -> wrapper. In whichever order they are applied, the environment is the same."""


def parse_name(text: str) -> tuple[str, dict[str, int | float]]:
    """The name of an environment alone, and the values of the wrappers that follow it.

    Args:
        text: `NAME`, or `NAME:wrapper=value:wrapper=value`. (On a command line commas part runs.)

    Raises:
        ValueError: the text is not of this form; with what could be meant.
    """
    name, *parts = text.split(":")
    values: dict[str, int | float] = {}
    for part in parts:
        wrapper, _, value = (word.strip() for word in part.partition("="))
        if wrapper not in WRAPPERS:
            near = difflib.get_close_matches(wrapper, WRAPPERS, n=1, cutoff=0.5)
            hint = f", did you mean {near[0]}?" if near else ""
            those = ", ".join(f"{name}=N ({known.help})" for name, known in WRAPPERS.items())
            raise ValueError(f"there is no wrapper {wrapper!r}{hint}; there are {those}")
        if wrapper in values:
            raise ValueError(f"{wrapper} is given twice")
        values[wrapper] = _value(wrapper, value)
    return name, values


def _value(wrapper: str, text: str) -> int | float:
    _, kind, allowed, _ = WRAPPERS[wrapper]
    asked = f"{wrapper}=N asks for a {'whole ' if kind is int else ''}number, {allowed}"
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{asked}, not {text!r}") from None
    if not allowed.holds(value):
        raise ValueError(f"{asked}, not {text}")
    return value

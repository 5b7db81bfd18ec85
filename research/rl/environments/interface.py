"""The interface of environments: pairs of pure functions with fixed shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from research.engine.experiment import Key

EnvironmentState = Any
"""A pytree: all that an environment's next step depends on."""


class Discrete(NamedTuple):
    """Actions 0 … `n - 1`, int32 scalars.

    Attributes:
        n: how many.
    """

    n: int


class Box(NamedTuple):
    """Actions between two bounds, float32 `[dimensions]`.

    Attributes:
        low: float32 `[dimensions]`, the smallest.
        high: float32 `[dimensions]`, the largest.
    """

    low: np.ndarray
    high: np.ndarray


ActionSpace: TypeAlias = Discrete | Box


class TimeStep(NamedTuple):
    """One step of one environment.

    Attributes:
        observation: `[*observation_shape]`, what to act on next: the first of a new episode where
            this step ended one.
        reward: float32 scalar.
        terminated: bool scalar, the process itself ended: nothing follows.
        truncated: bool scalar, a time limit cut the episode: more would have followed.
        final_observation: as `observation`: where the action led, before any reset; equal to
            `observation` unless the episode ended.
    """

    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array

    @property
    def ended(self) -> jax.Array:
        """Bool scalar, whether the episode ended, in either way."""
        return self.terminated | self.truncated


class Renderer(NamedTuple):
    """Draws an environment.

    Attributes:
        draw: observations `[frames, *observation_shape]` -> uint8 `[frames, height, width]`,
            indices of colours; pure, on the host.
        palette: uint8 `[colours, 3]`, red, green and blue.
        seconds: how long a step takes in the world.
    """

    draw: Callable[[np.ndarray], np.ndarray]
    palette: np.ndarray
    seconds: float


class Environment(NamedTuple):
    """One environment; `jax.vmap` makes many. An ended episode is reset within `step`.

    Attributes:
        name: what a person calls it.
        reset: (key) -> (state, observation).
        step: (key, state, action) -> (state, `TimeStep`).
        observation_shape: the shape of an observation: float32, or, where `states` is given, ().
        action_space: what an action is.
        longest_episode: the steps after which every episode has ended.
        states: where an observation is the index of a state, int32: how many there are.
        renderer: draws it for people; None where nothing does.
        action_names: of discrete actions, in order; () where they have none.
        own_action: an action -> the one that the environment itself is given, within its own
            bounds: wrappers may clip it or scale it.
    """

    name: str
    reset: Callable[[Key], tuple[EnvironmentState, jax.Array]]
    step: Callable[[Key, EnvironmentState, jax.Array], tuple[EnvironmentState, TimeStep]]
    observation_shape: tuple[int, ...]
    action_space: ActionSpace
    longest_episode: int
    states: int | None = None
    renderer: Renderer | None = None
    action_names: tuple[str, ...] = ()
    own_action: Callable[[jax.Array], jax.Array] = lambda action: action

    @property
    def actions(self) -> int:
        """The number of discrete actions.

        Raises:
            ValueError: the actions are not discrete.
        """
        if not isinstance(self.action_space, Discrete):
            raise ValueError(f"the actions of {self.name} are not discrete")
        return self.action_space.n

    @property
    def bounds(self) -> Box:
        """The bounds of actions that are vectors.

        Raises:
            ValueError: the actions are discrete.
        """
        if not isinstance(self.action_space, Box):
            raise ValueError(f"the actions of {self.name} are not vectors")
        return self.action_space

"""A finite Markov decision process as an environment in gymnax's interface.

Apart from the process itself, since gymnax takes a second to import.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces

from research.engine.experiment import Key
from research.rl.environments.environment import Environment, Renderer
from research.rl.environments.finite import FiniteMDP
from research.rl.environments.gymnax_adapter import adapt


@struct.dataclass
class FiniteState(environment.EnvState):
    """The state of the process, and its steps so far.

    Attributes:
        position: int32 scalar, the index of a state.
    """

    position: jax.Array


@struct.dataclass
class FiniteParameters(environment.EnvParams):
    """The time limit: a process without terminal states would never end."""

    max_steps_in_episode: int = 100


class FiniteEnvironment(environment.Environment[FiniteState, FiniteParameters]):
    """Walks through a `FiniteMDP`; the observation is the index of a state.

    An action that is not possible leaves everything as it is and pays nothing.
    """

    def __init__(self, mdp: FiniteMDP, longest_episode: int) -> None:
        """Keep the process as cumulative probabilities in float32."""
        self.mdp = mdp
        self.longest_episode = longest_episode
        stay = np.broadcast_to(np.eye(mdp.states)[:, None], mdp.transition.shape)
        moves = np.where(mdp.possible[..., None], mdp.transition, stay)
        self._moves = cumulative(moves)
        self._start = cumulative(mdp.start)
        self._reward = np.where(mdp.possible[..., None], mdp.reward, 0.0).astype(np.float32)

    @property
    def name(self) -> str:
        """Its name in gymnax."""
        return "Finite"

    @property
    def num_actions(self) -> int:
        """The number of actions, possible or not."""
        return self.mdp.actions

    @property
    def default_params(self) -> FiniteParameters:
        """The time limit that it was made with."""
        return FiniteParameters(max_steps_in_episode=self.longest_episode)

    def step_env(
        self,
        key: Key,
        state: FiniteState,
        action: int | float | jax.Array,
        params: FiniteParameters,
    ) -> tuple[jax.Array, FiniteState, jax.Array, jax.Array, dict[Any, Any]]:
        """One transition, before any reset."""
        del params
        before = state.position
        after = draw(key, jnp.asarray(self._moves)[before, action])
        reward = jnp.asarray(self._reward)[before, action, after]
        terminated = jnp.asarray(self.mdp.terminal)[after]
        return after, FiniteState(state.time + 1, after), reward, terminated, {}

    def reset_env(self, key: Key, params: FiniteParameters) -> tuple[jax.Array, FiniteState]:
        """A state to start in."""
        del params
        position = draw(key, jnp.asarray(self._start))
        return position, FiniteState(0, position)

    def is_terminated(self, state: FiniteState, params: FiniteParameters) -> jax.Array:
        """Whether the process has ended where it is."""
        del params
        return jnp.asarray(self.mdp.terminal)[state.position]

    def observe(self, key: Key, state: FiniteState, action: Any, params: Any) -> jax.Array:
        """The index of the state."""
        del key, action, params
        return state.position

    def action_space(self, params: FiniteParameters | None = None) -> spaces.Discrete:
        """Indices of actions."""
        del params
        return spaces.Discrete(self.mdp.actions)

    def observation_space(self, params: FiniteParameters | None = None) -> spaces.Discrete:
        """Indices of states."""
        del params
        return spaces.Discrete(self.mdp.states)


def cumulative(probabilities: np.ndarray) -> np.ndarray:
    """Upper ends of the intervals of [0, 1) that stand for outcomes, float32, last axis.

    From the last outcome that can come, the end is above 1: rounding never gives an impossible
    one.
    """
    ends = np.cumsum(probabilities, -1)
    remaining = np.flip(np.cumsum(np.flip(probabilities, -1), -1), -1) - probabilities
    return np.where(remaining <= 1e-12, 2.0, ends).astype(np.float32)


def draw(key: Key, ends: jax.Array) -> jax.Array:
    """An outcome, int32 scalar, for `cumulative` ends `[outcomes]`."""
    return jnp.sum(jax.random.uniform(key) >= ends).astype(jnp.int32)


def make_finite_environment(
    mdp: FiniteMDP, name: str, longest_episode: int, renderer: Renderer | None = None
) -> Environment:
    """`mdp` as an environment whose episodes are cut after `longest_episode` steps."""
    walk = FiniteEnvironment(mdp, longest_episode)
    return adapt(walk, walk.default_params, name, renderer)

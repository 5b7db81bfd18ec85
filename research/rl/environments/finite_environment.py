"""A finite Markov decision process as an environment; its observation is the index of a state."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.rl.environments.finite import FiniteMDP
from research.rl.environments.interface import Discrete, Environment, Renderer, TimeStep


class FiniteState(NamedTuple):
    """Where the process is.

    Attributes:
        time: int32 scalar, steps of the running episode so far.
        position: int32 scalar, the index of a state.
    """

    time: jax.Array
    position: jax.Array


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
    """`mdp` as an environment whose episodes are cut after `longest_episode` steps.

    An action that is not possible leaves everything as it is and pays nothing.
    """
    possible = mdp.possible[..., None]
    stay = np.broadcast_to(np.eye(mdp.states)[:, None], mdp.transition.shape)
    moves = cumulative(np.where(possible, mdp.transition, stay))
    pay = np.where(possible, mdp.reward, 0.0).astype(np.float32)
    begin = cumulative(mdp.start)

    def reset(key: Key) -> tuple[FiniteState, jax.Array]:
        position = draw(key, jnp.asarray(begin))
        return FiniteState(jnp.int32(0), position), position

    def step(key: Key, state: FiniteState, action: jax.Array) -> tuple[FiniteState, TimeStep]:
        step_key, reset_key = jax.random.split(key)
        after = draw(step_key, jnp.asarray(moves)[state.position, action])
        reward = jnp.asarray(pay)[state.position, action, after]
        going = FiniteState(state.time + 1, after)
        terminated = jnp.asarray(mdp.terminal)[after]
        truncated = (going.time >= longest_episode) & ~terminated
        fresh, _ = reset(reset_key)
        state = jax.tree.map(
            lambda new, old: jnp.where(terminated | truncated, new, old), fresh, going
        )
        return state, TimeStep(state.position, reward, terminated, truncated, after)

    actions = Discrete(mdp.actions)
    return Environment(name, reset, step, (), actions, longest_episode, mdp.states, renderer)

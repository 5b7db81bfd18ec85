"""Policies: pure functions from (memory, observation) to (memory, action distribution).

An agent is an environment with the policy that a trained state has in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from research.engine.experiment import State
from research.rl.distributions import Distribution
from research.rl.environments.interface import Environment

Memory: TypeAlias = Any
"""A pytree, leaves `[environments, ...]`: carried from one step of an episode to the next.

None where nothing is carried.
"""


class Policy(NamedTuple):
    """A way to act. One without memory is the one whose memory is None.

    Attributes:
        act: (memory, observations `[..., *observation_shape]`) -> the memory afterwards, and a
            distribution of actions for each observation.
        initial: the memory of one environment where an episode begins.
    """

    act: Callable[[Memory, jax.Array], tuple[Memory, Distribution]]
    initial: Memory = None


def memoryless(act: Callable[[jax.Array], Distribution]) -> Policy:
    """The policy that sees only the present observations, `[..., *observation_shape]`."""
    return Policy(lambda memory, observations: (memory, act(observations)))


def blank(initial: Memory, shape: tuple[int, ...]) -> Memory:
    """The memory of `[*shape]` environments in each of which an episode begins."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*shape, *leaf.shape)), initial)


def forget(memory: Memory, initial: Memory, ended: jax.Array) -> Memory:
    """The memory, leaves `[*ended.shape, ...]`, blank wherever an episode has ended."""

    def choose(leaf: jax.Array, first: jax.Array) -> jax.Array:
        return jnp.where(ended.reshape(*ended.shape, *[1] * first.ndim), first, leaf)

    return jax.tree.map(choose, memory, initial)


class Agent(NamedTuple):
    """An environment and a policy in it: `Experiment.offers["agent"]` of reinforcement learning.

    Attributes:
        environment: in the wrappers that the policy learned with, which define its actions.
        policy: a state of the experiment -> its policy.
    """

    environment: Environment
    policy: Callable[[State], Policy]


def reactive(environment: Environment, act: Callable[[State, jax.Array], Distribution]) -> Agent:
    """An agent without memory, by (state, observations) -> distributions of actions."""
    return Agent(
        environment, lambda state: memoryless(lambda observations: act(state, observations))
    )

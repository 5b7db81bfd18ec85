"""Agents: an environment, and the policy of a trained state in it, for evaluation and play."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax

from research.engine.experiment import State
from research.rl.distributions import Distribution
from research.rl.environments.environment import Environment
from research.rl.policy import Policy, memoryless


class Agent(NamedTuple):
    """Where an experiment acts, and how: `Experiment.offers["agent"]` of reinforcement learning.

    Attributes:
        environment: where, wrapped as the policy knows it: what its actions mean is part of that.
        policy: a state of the experiment -> what it does.
    """

    environment: Environment
    policy: Callable[[State], Policy]


def reactive(environment: Environment, act: Callable[[State, jax.Array], Distribution]) -> Agent:
    """An agent without memory.

    Args:
        environment: to act in.
        act: (state, observations `[..., *observation_shape]`) -> distributions of actions.
    """
    return Agent(
        environment, lambda state: memoryless(lambda observations: act(state, observations))
    )

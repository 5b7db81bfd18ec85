"""What a trained state does in an environment: for whoever plays or judges it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax

from research.engine.experiment import State
from research.rl.distributions import Distribution
from research.rl.environments.environment import Environment
from research.rl.rollout import Policy


class Agent(NamedTuple):
    """Where an experiment acts, and how: `Experiment.agent` of reinforcement learning.

    Attributes:
        environment: where, wrapped as the policy knows it: what its actions mean is part of that.
        act: (state, observations `[..., *observation_shape]`) -> distributions of actions.
    """

    environment: Environment
    act: Callable[[State, jax.Array], Distribution]

    def policy(self, state: State) -> Policy:
        """The policy of one state of the experiment."""
        return lambda observations: self.act(state, observations)

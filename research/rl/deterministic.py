"""Deterministic policy gradients: an actor with one action for each observation, and critics."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.optimization.descent import Trained, descend, polyak
from research.rl.actor_critic import Critics, Perceptron, adam, init_actor_and_critics
from research.rl.distributions import Gaussian
from research.rl.environments.environment import Environment
from research.rl.environments.wrappers import bounds


class DeterministicParams(NamedTuple):
    """What is learned.

    Attributes:
        actor: gives actions before tanh.
        critics: one or more.
        target_actor: parameters of the target network π'.
        target_critics: parameters of the target networks Q'.
    """

    actor: Trained
    critics: Trained
    target_actor: Any
    target_critics: Any


class Deterministic(NamedTuple):
    """The networks.

    Attributes:
        environment: with actions from -1 to 1.
        actor: observations -> `[..., dimensions]`.
        critics: observations, actions -> `[critics, ...]`.
    """

    environment: Environment
    actor: Perceptron
    critics: Critics

    def init(self, key: Key, values: Hyperparameters) -> DeterministicParams:
        """Parameters, with targets that are copies."""
        optimizer = adam(values["learning_rate"])
        actor, critics = init_actor_and_critics(
            self.environment, self.actor, self.critics, optimizer, key
        )
        # Their own buffers: the state is donated, and no buffer can be donated twice.
        targets = jax.tree.map(jnp.copy, (actor.params, critics.params))
        return DeterministicParams(actor, critics, *targets)

    def action(self, params: Any, observation: jax.Array) -> jax.Array:
        """π(s), float32 `[..., dimensions]` from -1 to 1, for observations `[..., features]`."""
        return jnp.tanh(self.actor.apply(params, observation))

    def explore(
        self, params: DeterministicParams, observation: jax.Array, deviation: jax.Array
    ) -> Gaussian:
        """π(s) and normal noise of a standard deviation."""
        action = self.action(params.actor.params, observation)
        return Gaussian(action, jnp.broadcast_to(jnp.log(deviation), action.shape))


def networks(environment: Environment, units: tuple[int, ...], critics: int) -> Deterministic:
    """The networks for an environment whose actions are from -1 to 1."""
    dimensions = len(bounds(environment).low)
    return Deterministic(environment, Perceptron(units, dimensions), Critics(units, critics))


def improve(
    agent: Deterministic,
    params: DeterministicParams,
    observation: jax.Array,
    learning_rate: jax.Array,
) -> tuple[DeterministicParams, jax.Array]:
    """One step of the actor up the first critic's value of its actions, and the loss.

    Source: Silver et al. 2014, theorem 1; Lillicrap et al. 2016 (arXiv 1509.02971), eq. 6.
    """

    def loss(actor: Any) -> jax.Array:
        action = agent.action(actor, observation)
        return -jnp.mean(agent.critics.apply(params.critics.params, observation, action)[0])

    actor, value = descend(loss, params.actor, adam(learning_rate))
    return params._replace(actor=actor), value


def track(params: DeterministicParams, rate: jax.Array) -> DeterministicParams:
    """Both targets a step nearer to what they follow."""
    learned = params.actor.params, params.critics.params
    targets = polyak(learned, (params.target_actor, params.target_critics), rate)
    return DeterministicParams(params.actor, params.critics, *targets)

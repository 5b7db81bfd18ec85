"""Soft actor-critic: the return and the policy's entropy together, with a learned temperature.

Source: Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications" (arXiv 1812.05905),
whose equations are cited, with the two critics of its section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.optimization.descent import Trained, begin_training, descend, polyak
from research.options.ranges import POSITIVE, Range
from research.rl.actor_critic import (
    Critics,
    Perceptron,
    adam,
    critic_loss,
    init_actor_and_critics,
    smallest,
)
from research.rl.distributions import SquashedGaussian
from research.rl.environments.interface import Environment
from research.rl.off_policy import ActorCritic, Algorithm
from research.rl.replay_buffer import Transition


@dataclass(frozen=True)
class SAC(ActorCritic):
    """Options of soft actor-critic."""

    initial_temperature: Annotated[float, "weight of the entropy at the start", POSITIVE] = 1.0
    target_entropy: Annotated[
        float, "entropy aimed at, nats a dimension of an action", Range()
    ] = -1.0

    def algorithm(self, environment: Environment) -> Algorithm:
        """Two critics, and a policy whose entropy counts."""
        return sac(environment, self.hidden)


class SACParams(NamedTuple):
    """All that learns.

    Attributes:
        actor: gives mean and log deviation before tanh.
        critics: two.
        target_critics: parameters of the target networks.
        log_temperature: log α, float32 scalar.
    """

    actor: Trained
    critics: Trained
    target_critics: Any
    log_temperature: Trained


class SACNetworks(NamedTuple):
    """The networks.

    Attributes:
        actor: observations -> `[..., 2 dimensions]`.
        critics: observations, actions -> `[2, ...]`.
        dimensions: of an action.
    """

    actor: Perceptron
    critics: Critics
    dimensions: int

    def policy(self, params: Any, observation: jax.Array) -> SquashedGaussian:
        """The distributions of actions, for observations `[..., features]`."""
        mean, raw = jnp.split(self.actor.apply(params, observation), 2, axis=-1)
        return SquashedGaussian(mean, bound_log_deviation(raw))

    def target(
        self, params: SACParams, batch: Transition, temperature: jax.Array, noise: jax.Array
    ) -> jax.Array:
        """R + γ (min_i Q'_i(s', a') - α log π(a'|s')), float32 `[batch]` (eqs. 3 and 5).

        Args:
            params: of the networks.
            batch: leaves `[batch, ...]`; the discount is 0 where the process ended.
            temperature: α.
            noise: normal `[batch, dimensions]`, for a'.
        """
        dist = self.policy(params.actor.params, batch.final_observation)
        action, log_probability = dist.sample_with_log_probability(noise)
        value = self.critics.apply(params.target_critics, batch.final_observation, action)
        return batch.reward + batch.discount * (smallest(value) - temperature * log_probability)

    def actor_loss(
        self,
        params: Any,
        critic_params: Any,
        observation: jax.Array,
        temperature: jax.Array,
        noise: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """The mean of α log π(a|s) - min_i Q_i(s, a) (eq. 9), and log π `[batch]`."""
        dist = self.policy(params, observation)
        action, log_probability = dist.sample_with_log_probability(noise)
        value = smallest(self.critics.apply(critic_params, observation, action))
        return jnp.mean(temperature * log_probability - value), log_probability


def bound_log_deviation(raw: jax.Array) -> jax.Array:
    """Log deviations between -10 and 2 from any network outputs: smooth, so that none gets stuck.

    Outputs near the middle stay about what they are.
    """
    low, high = -10.0, 2.0
    middle, half = (high + low) / 2, (high - low) / 2
    return middle + half * jnp.tanh((raw - middle) / half)


def networks(environment: Environment, units: tuple[int, ...]) -> SACNetworks:
    """The networks for an environment."""
    dimensions = len(environment.bounds.low)
    return SACNetworks(Perceptron(units, 2 * dimensions), Critics(units, 2), dimensions)


def sac(environment: Environment, units: tuple[int, ...]) -> Algorithm:
    """Soft actor-critic, for actions from -1 to 1, with networks of these hidden layers."""
    agent = networks(environment, units)

    def init(key: Key, values: Hyperparameters) -> SACParams:
        optimizer = adam(values["learning_rate"])
        actor, critics = init_actor_and_critics(
            environment, agent.actor, agent.critics, optimizer, key
        )
        # Its own buffers: the state is donated, and no buffer can be donated twice.
        target_critics = jax.tree.map(jnp.copy, critics.params)
        log_temperature = begin_training(jnp.log(values["initial_temperature"]), optimizer)
        return SACParams(actor, critics, target_critics, log_temperature)

    def policy(
        params: SACParams, observation: jax.Array, values: Hyperparameters
    ) -> SquashedGaussian:
        del values
        return agent.policy(params.actor.params, observation)

    def learn(
        params: SACParams, batch: Transition, number: jax.Array, values: Hyperparameters, key: Key
    ) -> tuple[SACParams, Metrics]:
        del number
        temperature = jnp.exp(params.log_temperature.params)
        optimizer = adam(values["learning_rate"])
        noise, next_noise = jax.random.normal(key, (2, *batch.reward.shape, agent.dimensions))

        target = agent.target(params, batch, temperature, next_noise)
        critics, error = descend(
            lambda p: critic_loss(agent.critics, p, batch, target), params.critics, optimizer
        )
        actor, (loss, log_probability) = descend(
            lambda p: agent.actor_loss(p, critics.params, batch.observation, temperature, noise),
            params.actor,
            optimizer,
            has_aux=True,
        )
        # Eq. 18, with log α for α: it falls and rises where α does, and cannot reach 0.
        surplus = -jnp.mean(log_probability) - values["target_entropy"] * agent.dimensions
        log_temperature, _ = descend(lambda log: log * surplus, params.log_temperature, optimizer)
        followed = polyak(critics.params, params.target_critics, values["target_rate"])
        return SACParams(actor, critics, followed, log_temperature), {
            "critic_loss": mean(error),
            "actor_loss": mean(loss),
            "entropy": mean(-log_probability),
            "temperature": mean(temperature),
        }

    return Algorithm(init, policy, learn)

"""Soft actor-critic: the return and the policy's entropy together, with a learned temperature.

Source: Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications" (arXiv 1812.05905),
whose equations are cited, with the two critics of its section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.rl.actor_critic import (
    Critics,
    Perceptron,
    Trained,
    critic_loss,
    descend,
    initial,
    smallest,
    trained,
)
from research.rl.environments.actions import bounds
from research.rl.environments.environment import Environment
from research.rl.off_policy import Algorithm, Sizes, make_off_policy
from research.rl.replay import Transition
from research.rl.squashed_gaussian import SquashedGaussian
from research.rl.targets import polyak


class SACParams(NamedTuple):
    """What is learned.

    Attributes:
        actor: says mean and log deviation before tanh.
        critics: two.
        target_critics: parameters of those that say what follows.
        log_temperature: log α, float32 scalar.
    """

    actor: Trained
    critics: Trained
    target_critics: Any
    log_temperature: Trained


class SAC(NamedTuple):
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
        """What to do, for observations `[..., features]`."""
        mean, raw = jnp.split(self.actor.apply(params, observation), 2, axis=-1)
        return SquashedGaussian(mean, bounded(raw))

    def target(
        self, params: SACParams, seen: Transition, temperature: jax.Array, noise: jax.Array
    ) -> jax.Array:
        """R + γ (min_i Q'_i(s', a') - α log π(a'|s')), float32 `[batch]` (eqs. 3 and 5).

        Args:
            params: what has been learned.
            seen: leaves `[batch, ...]`; its discount is 0 where the process ended.
            temperature: α.
            noise: normal `[batch, dimensions]`, for a'.
        """
        said = self.policy(params.actor.params, seen.final_observation)
        action, log_probability = said.sample_with_log_probability(noise)
        value = self.critics.apply(params.target_critics, seen.final_observation, action)
        return seen.reward + seen.discount * (smallest(value) - temperature * log_probability)

    def actor_loss(
        self,
        params: Any,
        critic_params: Any,
        observation: jax.Array,
        temperature: jax.Array,
        noise: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """The mean of α log π(a|s) - min_i Q_i(s, a) (eq. 9), and log π `[batch]`."""
        said = self.policy(params, observation)
        action, log_probability = said.sample_with_log_probability(noise)
        value = smallest(self.critics.apply(critic_params, observation, action))
        return jnp.mean(temperature * log_probability - value), log_probability


def bounded(raw: jax.Array) -> jax.Array:
    """Log deviations between -10 and 2 from any numbers, smoothly: none is ever stuck.

    For small numbers it is about the number itself.
    """
    low, high = -10.0, 2.0
    middle, half = (high + low) / 2, (high - low) / 2
    return middle + half * jnp.tanh((raw - middle) / half)


def make_sac(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """Soft actor-critic in `environment`, whose actions are vectors.

    Args:
        environment: where.
        sizes: shapes and loops.
        hyperparameters: `learning_rate`, `discount`, `target_rate`, `initial_temperature` and
            `target_entropy` (for each dimension of an action).
    """
    return make_off_policy(environment, lambda scaled: sac(scaled, sizes), sizes, hyperparameters)


def networks(environment: Environment, units: tuple[int, ...]) -> SAC:
    """The networks for an environment."""
    dimensions = len(bounds(environment).low)
    return SAC(Perceptron(units, 2 * dimensions), Critics(units, 2), dimensions)


def sac(environment: Environment, sizes: Sizes) -> Algorithm:
    """What soft actor-critic knows and does, for actions from -1 to 1."""
    agent = networks(environment, sizes.units)

    def init(key: Key, values: Hyperparameters) -> SACParams:
        actor, critics = initial(environment, agent.actor, agent.critics, key)
        # Its own buffers: a state is given away whole, and no buffer can be given twice.
        target_critics = jax.tree.map(jnp.copy, critics.params)
        log_temperature = trained(jnp.log(values["initial_temperature"]))
        return SACParams(actor, critics, target_critics, log_temperature)

    def policy(
        params: SACParams, observation: jax.Array, values: Hyperparameters
    ) -> SquashedGaussian:
        del values
        return agent.policy(params.actor.params, observation)

    def learn(
        params: SACParams, seen: Transition, number: jax.Array, values: Hyperparameters, key: Key
    ) -> tuple[SACParams, Metrics]:
        del number
        temperature = jnp.exp(params.log_temperature.params)
        rate = values["learning_rate"]
        noise, next_noise = jax.random.normal(key, (2, *seen.reward.shape, agent.dimensions))

        target = agent.target(params, seen, temperature, next_noise)
        critics, error, _ = descend(
            lambda p: (critic_loss(agent.critics, p, seen, target), None), params.critics, rate
        )
        actor, loss, log_probability = descend(
            lambda p: agent.actor_loss(p, critics.params, seen.observation, temperature, noise),
            params.actor,
            rate,
        )
        # Eq. 18, with log α for α: it falls and rises where α does, and cannot reach 0.
        surplus = -jnp.mean(log_probability) - values["target_entropy"] * agent.dimensions
        log_temperature, _, _ = descend(
            lambda log: (log * surplus, None), params.log_temperature, rate
        )
        followed = polyak(critics.params, params.target_critics, values["target_rate"])
        return SACParams(actor, critics, followed, log_temperature), {
            "critic_loss": mean(error),
            "actor_loss": mean(loss),
            "entropy": mean(-log_probability),
            "temperature": mean(temperature),
        }

    return Algorithm(init, policy, learn)

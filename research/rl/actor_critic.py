"""Actors and critics for actions that are vectors: networks, their loss, a step of Adam."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Key
from research.optimization.descent import Trained, begin_training, with_learning_rate
from research.rl.environments.interface import Environment
from research.rl.replay_buffer import Transition


class Perceptron(nn.Module):
    """Dense layers with relu between them, and a linear one last.

    Attributes:
        units: units of each hidden layer.
        outputs: units of the last layer.
    """

    units: tuple[int, ...]
    outputs: int

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """float32 `[..., outputs]`, for inputs `[..., features]`."""
        hidden = inputs
        for units in self.units:
            hidden = nn.relu(nn.Dense(units)(hidden))
        return nn.Dense(self.outputs)(hidden)


class Critics(nn.Module):
    """Q(s, a) by several networks that share nothing.

    Attributes:
        units: units of each hidden layer of each.
        critics: how many.
    """

    units: tuple[int, ...]
    critics: int

    @nn.compact
    def __call__(self, observation: jax.Array, action: jax.Array) -> jax.Array:
        """float32 `[critics, ...]`, for `[..., features]` and `[..., dimensions]`."""
        inputs = jnp.concatenate([observation, action], axis=-1)
        networks = [Perceptron(self.units, 1, name=f"critic_{i}") for i in range(self.critics)]
        return jnp.stack([network(inputs)[..., 0] for network in networks])


def adam(learning_rate: jax.Array) -> optax.GradientTransformation:
    """The optimiser of all these networks (Kingma and Ba 2015, arXiv 1412.6980)."""
    return with_learning_rate(optax.scale_by_adam(), learning_rate)


def init_actor_and_critics(
    environment: Environment,
    actor: Perceptron,
    critics: Critics,
    optimizer: optax.GradientTransformation,
    key: Key,
) -> tuple[Trained, Trained]:
    """An actor and critics for an environment whose actions are vectors."""
    actor_key, critic_key = jax.random.split(key)
    observation = jnp.zeros(environment.observation_shape, jnp.float32)
    action = jnp.zeros(environment.bounds.low.shape, jnp.float32)
    return (
        begin_training(actor.init(actor_key, observation), optimizer),
        begin_training(critics.init(critic_key, observation, action), optimizer),
    )


def critic_loss(critics: Critics, params: Any, batch: Transition, target: jax.Array) -> jax.Array:
    """Half the squared error of each critic, mean over the minibatch, summed over critics.

    Source: Haarnoja et al. 2018 (arXiv 1812.05905), eq. 5; Fujimoto et al. 2018
    (arXiv 1802.09477), algorithm 1.
    """
    error = critics.apply(params, batch.observation, batch.action) - target
    return 0.5 * jnp.sum(jnp.mean(jnp.square(error), axis=-1))


def smallest(value: jax.Array) -> jax.Array:
    """The smallest of several critics' values `[critics, batch]`, float32 `[batch]`.

    Source: Fujimoto et al. 2018 (arXiv 1802.09477), eq. 10 (clipped double Q-learning).
    """
    return jnp.min(value, axis=0)

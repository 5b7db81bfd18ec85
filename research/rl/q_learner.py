"""Q-learning with a network: action values or distributions of returns, and their losses."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Hyperparameters
from research.rl import distributional, exploration
from research.rl.distributions import Categorical
from research.rl.environments.environment import Environment
from research.rl.q_network import QNetwork, features
from research.rl.replay import Transition


class QLearner(NamedTuple):
    """A network of action values and what its outputs mean.

    Attributes:
        environment: where it acts.
        network: observations -> `[batch, actions, atoms]`.
        double: whether the network that learns chooses the action of the target (double DQN).
        clipped_error: whether an error beyond 1 counts linearly (Huber; Mnih et al. 2015, methods)
            instead of by its square. Where rewards are not small a rare end then hardly counts.
    """

    environment: Environment
    network: QNetwork
    double: bool
    clipped_error: bool = False

    def outputs(self, params: Any, observations: jax.Array) -> jax.Array:
        """float32 `[..., actions, atoms]`, for observations `[..., *observation_shape]`."""
        inputs = features(self.environment, observations)
        leading = observations.shape[: observations.ndim - len(self.environment.observation_shape)]
        outputs = self.network.apply(params, inputs.reshape(-1, *inputs.shape[len(leading) :]))
        return outputs.reshape(*leading, *outputs.shape[1:])

    def support(self, values: Hyperparameters) -> jax.Array:
        """The returns that a distribution can give, float32 `[atoms]`."""
        low, high = values["smallest_return"], values["largest_return"]
        return distributional.support(low, high, self.network.atoms)

    def q_value(self, params: Any, observations: jax.Array, values: Hyperparameters) -> jax.Array:
        """Q(s, a), float32 `[..., actions]`, for observations `[..., *observation_shape]`."""
        outputs = self.outputs(params, observations)
        if self.network.atoms == 1:
            return outputs[..., 0]
        return distributional.expectation(outputs, self.support(values))

    def losses(
        self, params: Any, target_params: Any, batch: Transition, values: Hyperparameters
    ) -> tuple[jax.Array, jax.Array]:
        """The loss and the TD error of each transition, float32 `[batch]` each.

        The error, by which replay is prioritised, is |δ|, or the cross-entropy of distributions
        (Hessel et al. 2018, section 3).
        """
        outputs = self.outputs(params, batch.observation)
        chosen = jnp.take_along_axis(outputs, batch.action[:, None, None], axis=1)[:, 0]
        following = self.outputs(target_params, batch.final_observation)
        choosing = params if self.double else target_params
        choice = self.q_value(choosing, batch.final_observation, values)
        if self.network.atoms == 1:
            target = bootstrap_target(batch.reward, batch.discount, following[..., 0], choice)
            td_error = jax.lax.stop_gradient(target) - chosen[:, 0]
            loss_of = optax.losses.huber_loss if self.clipped_error else optax.losses.l2_loss
            return loss_of(td_error), jnp.abs(td_error)
        best = jnp.argmax(choice, axis=-1)[:, None, None]
        ahead = jax.nn.softmax(jnp.take_along_axis(following, best, axis=1)[:, 0])
        moved = batch.reward[:, None] + batch.discount[:, None] * self.support(values)
        low, high = values["smallest_return"], values["largest_return"]
        target = jax.lax.stop_gradient(distributional.project(ahead, moved, low, high))
        loss = distributional.cross_entropy(chosen, target)
        return loss, loss

    def explore(
        self, params: Any, observations: jax.Array, values: Hyperparameters, epsilon: jax.Array
    ) -> EpsilonGreedy:
        """The ε-greedy policy."""
        q_value = self.q_value(params, observations, values)
        possible = jnp.ones(q_value.shape, bool)
        drawn = Categorical(jnp.log(exploration.epsilon_greedy(q_value, possible, epsilon)))
        return EpsilonGreedy(q_value, drawn)


class EpsilonGreedy(NamedTuple):
    """Actions of ε-greedy exploration. What is learned is which is best, even where ε is 1.

    Attributes:
        q_value: float32 `[..., actions]`.
        drawn: what actions are drawn from.
    """

    q_value: jax.Array
    drawn: Categorical

    def mode(self) -> jax.Array:
        """The best action, the first of equals, int32 `[...]`."""
        return jnp.argmax(self.q_value, axis=-1).astype(jnp.int32)

    def sample(self, noise: jax.Array) -> jax.Array:
        """As `Categorical.sample`."""
        return self.drawn.sample(noise)

    def log_probability(self, action: jax.Array) -> jax.Array:
        """As `Categorical.log_probability`."""
        return self.drawn.log_probability(action)

    def entropy(self) -> jax.Array:
        """As `Categorical.entropy`."""
        return self.drawn.entropy()


def bootstrap_target(
    reward: jax.Array, discount: jax.Array, following: jax.Array, choosing: jax.Array
) -> jax.Array:
    """The value to learn, r + γ Q'(s', argmax_a Q(s', a)), float32 `[batch]`.

    Args:
        reward: float32 `[batch]`.
        discount: float32 `[batch]`, 0 where nothing follows.
        following: Q', float32 `[batch, actions]`, of the target network.
        choosing: Q, float32 `[batch, actions]`: of the network that learns for double Q-learning
            (van Hasselt et al. 2016, arXiv 1509.06461, eq. 4), of the target network otherwise
            (Mnih et al. 2015, doi 10.1038/nature14236, eq. 1).
    """
    best = jnp.argmax(choosing, axis=-1)[:, None]
    return reward + discount * jnp.take_along_axis(following, best, axis=-1)[:, 0]

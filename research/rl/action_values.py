"""Networks of action values, as means or distributions of returns (C51), and Q-learning losses."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from research.engine.experiment import Hyperparameters
from research.layers.convolution import valid_convolution
from research.rl import exploration
from research.rl.distributions import Categorical
from research.rl.environments.interface import Environment
from research.rl.network import features
from research.rl.replay_buffer import Transition


class QNetwork(nn.Module):
    """Action values by a multilayer perceptron; for small images, convolutions come first.

    Attributes:
        actions: the number of actions.
        units: units of each hidden layer.
        atoms: values of each action; 1 is its mean alone, more are logits of a distribution.
        duelling: whether the values are V(s) + A(s, a) - mean_a A(s, a) (Wang et al. 2016,
            arXiv 1511.06581, eq. 9), with a stream each.
        channels: of a 3 × 3 convolution before all else; 0 for none.
        layer_normalisation: whether what each hidden layer computes has mean 0 and deviation 1,
            before scale, offset and relu (Ba et al. 2016, arXiv 1607.06450); that of a convolution
            at each place of the image, over its channels.
    """

    actions: int
    units: tuple[int, ...]
    atoms: int = 1
    duelling: bool = False
    channels: int = 0
    layer_normalisation: bool = False

    @nn.compact
    def __call__(self, observation: jax.Array) -> jax.Array:
        """float32 `[batch, actions, atoms]` for observations `[batch, *observation_shape]`."""
        hidden = observation
        if self.channels:
            hidden = self._rectified(
                nn.Conv(
                    self.channels, (3, 3), padding="VALID", conv_general_dilated=valid_convolution
                )(hidden)
            )
        hidden = hidden.reshape(hidden.shape[0], -1)
        for units in self.units[:-1] if self.duelling else self.units:
            hidden = self._rectified(nn.Dense(units)(hidden))
        if not self.duelling:
            return nn.Dense(self.actions * self.atoms)(hidden).reshape(-1, self.actions, self.atoms)

        def stream(outputs: int) -> jax.Array:
            own = self._rectified(nn.Dense(self.units[-1])(hidden))
            return nn.Dense(outputs * self.atoms)(own).reshape(-1, outputs, self.atoms)

        value, advantage = stream(1), stream(self.actions)
        return value + advantage - jnp.mean(advantage, axis=1, keepdims=True)

    def _rectified(self, hidden: jax.Array) -> jax.Array:
        if self.layer_normalisation:
            # Deviations by squares of differences: those of large means would cancel otherwise.
            hidden = nn.LayerNorm(use_fast_variance=False)(hidden)
        return nn.relu(hidden)


def support(low: Array | float, high: Array | float, atoms: int) -> Float[Array, " atoms"]:
    """The returns that a distribution can give, evenly spaced."""
    return low + (high - low) * jnp.arange(atoms, dtype=jnp.float32) / (atoms - 1)


def expectation(
    logits: Float[Array, "*batch atoms"], returns: Float[Array, " atoms"]
) -> Float[Array, "*batch"]:
    """The mean return of each distribution."""
    return jnp.sum(jax.nn.softmax(logits) * returns, axis=-1)


def project(
    probability: Float[Array, "batch atoms"],
    moved: Float[Array, "batch atoms"],
    low: Array | float,
    high: Array | float,
) -> Float[Array, "batch atoms"]:
    """A distribution over other values, `moved`, put on the fixed ones, from `low` to `high`.

    Each value is shared by its two neighbours in proportion to nearness; what lies outside is put
    on the edge.

    Source: Bellemare et al. 2017 (arXiv 1707.06887), eq. 7.
    """
    atoms = probability.shape[-1]
    gap = (high - low) / (atoms - 1)
    place = (jnp.clip(moved, low, high) - low) / gap
    # The triangle of eq. 7 for every pair: a product instead of a scatter.
    near = jnp.clip(1.0 - jnp.abs(place[:, None, :] - jnp.arange(atoms)[None, :, None]), 0.0, 1.0)
    return jnp.sum(near * probability[:, None, :], axis=-1)


def cross_entropy(
    logits: Float[Array, "batch atoms"], target: Float[Array, "batch atoms"]
) -> Float[Array, " batch"]:
    """-Σ p log q, of target probabilities p and logits of q."""
    return -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)


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
        inputs = features(observations, self.environment.states)
        leading = observations.shape[: observations.ndim - len(self.environment.observation_shape)]
        outputs = self.network.apply(params, inputs.reshape(-1, *inputs.shape[len(leading) :]))
        return outputs.reshape(*leading, *outputs.shape[1:])

    def support(self, values: Hyperparameters) -> jax.Array:
        """The returns that a distribution can give, float32 `[atoms]`."""
        low, high = values["smallest_return"], values["largest_return"]
        return support(low, high, self.network.atoms)

    def q_value(self, params: Any, observations: jax.Array, values: Hyperparameters) -> jax.Array:
        """Q(s, a), float32 `[..., actions]`, for observations `[..., *observation_shape]`."""
        outputs = self.outputs(params, observations)
        if self.network.atoms == 1:
            return outputs[..., 0]
        return expectation(outputs, self.support(values))

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
        target = jax.lax.stop_gradient(project(ahead, moved, low, high))
        loss = cross_entropy(chosen, target)
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

    def probability(self) -> jax.Array:
        """As `Categorical.probability`."""
        return self.drawn.probability()

    def log_probability(self, action: jax.Array) -> jax.Array:
        """As `Categorical.log_probability`."""
        return self.drawn.log_probability(action)

    def entropy(self) -> jax.Array:
        """As `Categorical.entropy`."""
        return self.drawn.entropy()


def bootstrap_target(
    reward: Float[Array, " batch"],
    discount: Float[Array, " batch"],
    following: Float[Array, "batch actions"],
    choosing: Float[Array, "batch actions"],
) -> Float[Array, " batch"]:
    """The value to learn, r + γ Q'(s', argmax_a Q(s', a)), with γ = 0 where nothing follows.

    Q' is the target network's; Q that of the network that learns for double Q-learning (van Hasselt
    et al. 2016, arXiv 1509.06461, eq. 4), of the target network otherwise (Mnih et al. 2015, doi
    10.1038/nature14236, eq. 1).
    """
    best = jnp.argmax(choosing, axis=-1)[:, None]
    return reward + discount * jnp.take_along_axis(following, best, axis=-1)[:, 0]

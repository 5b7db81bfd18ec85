"""A learned model of an environment: it predicts rewards, values and policies, no observations."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp


class Prediction(NamedTuple):
    """Some states, real or imagined, and what is predicted of them.

    Attributes:
        latent: float32 `[batch, latent_units]`, the states s; or a pytree of leaves `[batch, ...]`.
        logits: float32 `[batch, actions]`, a policy p.
        value: float32 `[batch]`, v.
    """

    latent: jax.Array
    logits: jax.Array
    value: jax.Array


class LearnedModel(nn.Module):
    """Representation h, dynamics g and prediction f, a hidden layer each.

    The hidden layer of the dynamics has weights of its own for each action. Of an action that
    comes in as one more input, beside many, what it does differently in each state is hardly
    learned.

    Source: Schrittwieser et al. 2020 (arXiv 1911.08265), section 3 and appendix G.

    Attributes:
        actions: the number of actions.
        units: of each hidden layer.
        latent_units: the width of a latent state.
    """

    actions: int
    units: int
    latent_units: int

    def setup(self) -> None:
        """All layers; what is predicted is 0 at first, and every action alike."""
        self.represent_hidden = nn.Dense(self.units)
        self.represent_latent = nn.Dense(self.latent_units)
        self.imagine_hidden = nn.Dense(self.actions * self.units)
        self.imagine_latent = nn.Dense(self.latent_units)
        self.predict_hidden = nn.Dense(self.units)
        zeros = nn.initializers.zeros
        self.predict_reward = nn.Dense(1, kernel_init=zeros)
        self.predict_value = nn.Dense(1, kernel_init=zeros)
        self.predict_logits = nn.Dense(self.actions, kernel_init=zeros)

    def h(self, features: jax.Array) -> jax.Array:
        """Representation: the states s `[batch, latent_units]` of observations.

        Args:
            features: float32 `[batch, ...]`, what `q_network.features` makes of observations.
        """
        flat = features.reshape(features.shape[0], -1)
        return _scaled(self.represent_latent(nn.relu(self.represent_hidden(flat))))

    def g(self, latent: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Dynamics: the rewards r `[batch]` that actions should bring, and the states they lead to.

        Args:
            latent: float32 `[batch, latent_units]`.
            action: int32 `[batch]`.
        """
        every = self.imagine_hidden(latent).reshape(-1, self.actions, self.units)
        # A product: its gradient is one too, where indexing would scatter.
        chosen = jax.nn.one_hot(action, self.actions)
        hidden = nn.relu(jnp.einsum("ba,bau->bu", chosen, every))
        return self.predict_reward(hidden)[..., 0], _scaled(self.imagine_latent(hidden))

    def f(self, latent: jax.Array) -> Prediction:
        """Prediction: policies p and values v of states."""
        hidden = nn.relu(self.predict_hidden(latent))
        return Prediction(latent, self.predict_logits(hidden), self.predict_value(hidden)[..., 0])

    def initial_inference(self, features: jax.Array) -> Prediction:
        """f(h(observation))."""
        return self.f(self.h(features))

    def recurrent_inference(
        self, latent: jax.Array, action: jax.Array
    ) -> tuple[jax.Array, Prediction]:
        """Of (r, s') = g(s, a): r, and f(s')."""
        reward, latent = self.g(latent, action)
        return reward, self.f(latent)

    def __call__(self, features: jax.Array) -> tuple[jax.Array, Prediction]:
        """A step from observed states by action 0: every layer is used, and so is made."""
        latent = self.initial_inference(features).latent
        return self.recurrent_inference(latent, jnp.zeros(features.shape[0], jnp.int32))


def _scaled(latent: jax.Array) -> jax.Array:
    """Between 0 and 1, as actions are; Schrittwieser et al. 2020, appendix G."""
    low = jnp.min(latent, axis=-1, keepdims=True)
    high = jnp.max(latent, axis=-1, keepdims=True)
    return (latent - low) / (high - low + 1e-5)

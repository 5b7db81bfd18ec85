"""A model of an environment, learned to plan with: it says what matters, not what is seen."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp


class Outlook(NamedTuple):
    """What is believed of some states, real or imagined.

    Attributes:
        latent: float32 `[batch, latent_units]`, the states; or a pytree of leaves `[batch, ...]`.
        logits: float32 `[batch, actions]`, a policy.
        value: float32 `[batch]`.
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
        latent_units: numbers that stand for a state.
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

    def represent(self, features: jax.Array) -> Outlook:
        """What is believed of observed states.

        Args:
            features: float32 `[batch, ...]`, what `features` makes of observations.
        """
        flat = features.reshape(features.shape[0], -1)
        return self._outlook(self.represent_latent(nn.relu(self.represent_hidden(flat))))

    def imagine(self, latent: jax.Array, action: jax.Array) -> tuple[jax.Array, Outlook]:
        """One step ahead, and the reward that it is expected to bring.

        Args:
            latent: float32 `[batch, latent_units]`.
            action: int32 `[batch]`.

        Returns:
            Rewards, float32 `[batch]`, and what is believed of where the actions lead.
        """
        every = self.imagine_hidden(latent).reshape(-1, self.actions, self.units)
        # A product: its gradient is one too, where indexing would scatter.
        done = jax.nn.one_hot(action, self.actions)
        hidden = nn.relu(jnp.einsum("ba,bau->bu", done, every))
        return self.predict_reward(hidden)[..., 0], self._outlook(self.imagine_latent(hidden))

    def __call__(self, features: jax.Array) -> tuple[jax.Array, Outlook]:
        """A step from observed states by action 0: every layer is used, and so is made."""
        seen = self.represent(features)
        return self.imagine(seen.latent, jnp.zeros(features.shape[0], jnp.int32))

    def _outlook(self, latent: jax.Array) -> Outlook:
        # Between 0 and 1, as actions are: appendix G of the source.
        low = jnp.min(latent, axis=-1, keepdims=True)
        high = jnp.max(latent, axis=-1, keepdims=True)
        latent = (latent - low) / (high - low + 1e-5)
        hidden = nn.relu(self.predict_hidden(latent))
        return Outlook(latent, self.predict_logits(hidden), self.predict_value(hidden)[..., 0])

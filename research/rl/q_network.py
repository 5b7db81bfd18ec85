"""Networks whose outputs are the values of actions, or distributions of returns."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.patches import valid_convolution
from research.rl.environments.environment import Environment


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


def features(environment: Environment, observation: jax.Array) -> jax.Array:
    """Inputs of a network: indices of states become unit vectors, all else stays."""
    if environment.states is not None:
        return jax.nn.one_hot(observation, environment.states)
    return observation

"""Policy and value as two multilayer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Initializer = Callable[..., jax.Array]


def orthogonal(scale: float) -> Initializer:
    """Orthogonal initialisation (Saxe et al. 2014, arXiv 1312.6120), one member at a time.

    Under `jax.vmap` it runs in sequence: a batched QR decomposition was seen to hang on CPU, and
    this way a member's parameters do not depend on how many members there are.
    """
    initializer = nn.initializers.orthogonal(scale)

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        draw = jax.custom_batching.sequential_vmap(lambda key: initializer(key, shape, dtype))
        return draw(key)

    return init


class Tower(nn.Module):
    """Dense layers with tanh between them, and a linear one last.

    Attributes:
        units: units of each hidden layer.
        outputs: units of the last layer.
        last_scale: scale of the last layer's initial weights.
    """

    units: tuple[int, ...]
    outputs: int
    last_scale: float

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """The outputs, float32 `[..., outputs]`, for inputs `[..., features]`."""
        hidden = inputs
        for units in self.units:
            hidden = jnp.tanh(nn.Dense(units, kernel_init=orthogonal(math.sqrt(2.0)))(hidden))
        return nn.Dense(self.outputs, kernel_init=orthogonal(self.last_scale))(hidden)


class PolicyAndValue(nn.Module):
    """A categorical policy and a value function that share nothing.

    Scales as in Andrychowicz et al. 2021 (arXiv 2006.05990), section 3.2: the last layer of the
    policy starts a hundred times smaller, so that the first actions are all but uniform.

    Attributes:
        actions: the number of actions.
        units: units of each hidden layer of either.
    """

    actions: int
    units: tuple[int, ...]

    def setup(self) -> None:
        """Two towers."""
        self.policy_tower = Tower(self.units, self.actions, 0.01)
        self.value_tower = Tower(self.units, 1, 1.0)

    def policy(self, observation: jax.Array) -> jax.Array:
        """Logits, float32 `[..., actions]`, for observations `[..., features]`."""
        return self.policy_tower(observation)

    def value(self, observation: jax.Array) -> jax.Array:
        """Values, float32 `[...]`, for observations `[..., features]`."""
        return self.value_tower(observation)[..., 0]

    def __call__(self, observation: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits and values."""
        return self.policy(observation), self.value(observation)

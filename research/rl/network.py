"""Policy and value networks: multilayer perceptrons, with a convolution first for small images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.convolution import valid_convolution
from research.layers.factorisation import orthogonal
from research.options.ranges import AMOUNT, COUNT, DEPTH
from research.rl.distributions import Categorical, Distribution, Gaussian
from research.rl.environments.interface import Box, Environment


@dataclass(frozen=True)
class HiddenLayers:
    """Options of every network of hidden layers."""

    units: Annotated[int, "units of each hidden layer", COUNT] = 64
    layers: Annotated[int, "hidden layers of each network", DEPTH] = 2
    channels: Annotated[int, "channels of a 3 x 3 convolution of images; 0 for none", AMOUNT] = 0

    @property
    def hidden(self) -> tuple[int, ...]:
        """The units of the layers, one after another."""
        return (self.units,) * self.layers


def features(observation: jax.Array, states: int | None) -> jax.Array:
    """A network's inputs: indices of `states` states become unit vectors, all else stays."""
    return observation if states is None else jax.nn.one_hot(observation, states)


class Tower(nn.Module):
    """Dense layers with tanh, or another function, between them, and a linear one last.

    Attributes:
        units: units of each hidden layer.
        outputs: units of the last layer.
        last_scale: scale of the last layer's initial weights.
        channels: of a 3 × 3 convolution before all else, with relu, for images (Young and Tian
            2019, arXiv 1903.03176, section 4); 0 for none.
        dimensions: axes of one input; more than one are made one before the dense layers.
        activation: between dense layers.
    """

    units: tuple[int, ...]
    outputs: int
    last_scale: float
    channels: int = 0
    dimensions: int = 1
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """The outputs, float32 `[..., outputs]`, for inputs `[..., *input_shape]`."""
        hidden, gain = inputs, math.sqrt(2.0)
        if self.channels:
            kernel_init = orthogonal(gain)
            hidden = nn.relu(
                nn.Conv(
                    self.channels,
                    (3, 3),
                    "VALID",
                    kernel_init=kernel_init,
                    conv_general_dilated=valid_convolution,
                )(hidden)
            )
        if self.dimensions != 1:
            hidden = hidden.reshape(*hidden.shape[: hidden.ndim - self.dimensions], -1)
        for units in self.units:
            hidden = self.activation(nn.Dense(units, kernel_init=orthogonal(gain))(hidden))
        return nn.Dense(self.outputs, kernel_init=orthogonal(self.last_scale))(hidden)


class ActingNetwork(nn.Module):
    """The base of policies: features of observations, and action distributions from outputs.

    Discrete actions are drawn by logits; vectors around a mean, with standard deviations that are
    learned and the same everywhere, 1 at first.

    Attributes:
        actions: the number of actions, or the length of an action.
        units: units of each hidden layer of either.
        continuous: whether actions are vectors.
        states: where an observation is the index of a state: how many there are.
        observation_dimensions: axes of an observation; 0 where it is an index.
        channels: of a convolution that either begins with, for images; 0 for none.
    """

    actions: int
    units: tuple[int, ...]
    continuous: bool = False
    states: int | None = None
    observation_dimensions: int = 1
    channels: int = 0

    def setup(self) -> None:
        """The deviations of vectors."""
        if self.continuous:
            self.log_deviation = self.param(
                "log_deviation", nn.initializers.zeros, (self.actions,), jnp.float32
            )

    @property
    def input_dimensions(self) -> int:
        """Axes of what `features` makes of one observation."""
        return 1 if self.states is not None else self.observation_dimensions

    def distribution(self, outputs: jax.Array) -> Distribution:
        """Actions from a last layer's outputs `[..., actions]`."""
        if self.continuous:
            return Gaussian(outputs, jnp.broadcast_to(self.log_deviation, outputs.shape))
        return Categorical(outputs)

    def features(self, observation: jax.Array) -> jax.Array:
        """float32 `[..., *input_shape]`."""
        return features(observation, self.states)


class PolicyAndValue(ActingNetwork):
    """A policy and a value function that share nothing.

    Scales as in Andrychowicz et al. 2021 (arXiv 2006.05990), section 3.2: the last layer of the
    policy starts a hundred times smaller, so that the first actions do not depend on the
    observation.
    """

    def setup(self) -> None:
        """Two towers, and the deviations of vectors."""
        dimensions = self.input_dimensions
        self.policy_tower = Tower(self.units, self.actions, 0.01, self.channels, dimensions)
        self.value_tower = Tower(self.units, 1, 1.0, self.channels, dimensions)
        super().setup()

    def policy(self, observation: jax.Array) -> Distribution:
        """Actions for observations `[..., *observation_shape]`."""
        return self.distribution(self.policy_tower(self.features(observation)))

    def value(self, observation: jax.Array) -> jax.Array:
        """Values, float32 `[...]`, for observations `[..., *observation_shape]`."""
        return self.value_tower(self.features(observation))[..., 0]

    def __call__(self, observation: jax.Array) -> tuple[Distribution, jax.Array]:
        """Actions and values."""
        return self.policy(observation), self.value(observation)


class PolicyAndTwoValues(PolicyAndValue):
    """A policy and two value functions that share nothing: of the task, and of curiosity.

    Policy and value of the task begin as those of `PolicyAndValue` with the same key.
    """

    def setup(self) -> None:
        """A third tower."""
        self.intrinsic_tower = Tower(self.units, 1, 1.0, self.channels, self.input_dimensions)
        super().setup()

    def intrinsic_value(self, observation: jax.Array) -> jax.Array:
        """Intrinsic values, float32 `[...]`, for observations `[..., *observation_shape]`."""
        return self.intrinsic_tower(self.features(observation))[..., 0]

    def __call__(self, observation: jax.Array) -> tuple[Distribution, jax.Array]:
        """Actions, and both values `[..., 2]`, that of the task first."""
        both = self.value(observation), self.intrinsic_value(observation)
        return self.policy(observation), jnp.stack(both, axis=-1)


def make_network(
    environment: Environment, units: tuple[int, ...], channels: int = 0
) -> PolicyAndValue:
    """Policy and value for the observations and actions of an environment."""
    return PolicyAndValue(units=units, channels=channels, **spaces(environment))


def spaces(environment: Environment) -> dict[str, Any]:
    """The attributes of an `ActingNetwork` that follow from the environment, by name."""
    space = environment.action_space
    return {
        "actions": space.low.size if isinstance(space, Box) else space.n,
        "continuous": isinstance(space, Box),
        "states": environment.states,
        "observation_dimensions": len(environment.observation_shape),
    }

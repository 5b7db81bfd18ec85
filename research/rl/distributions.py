"""Distributions of actions, each a pytree with leaves `[..., n]`."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.rl.environments.interface import ActionSpace, Discrete


class Distribution(Protocol):
    """A distribution of actions for each of several observations."""

    def mode(self) -> jax.Array:
        """The most probable action of each."""

    def sample(self, noise: jax.Array) -> jax.Array:
        """An action of each, given what `draw_noise` drew."""

    def log_probability(self, action: jax.Array) -> jax.Array:
        """Of one action each, float32 `[...]`, nats."""

    def entropy(self) -> jax.Array:
        """Of each, float32 `[...]`, nats."""


class DiscreteDistribution(Distribution, Protocol):
    """A distribution of discrete actions."""

    def probability(self) -> jax.Array:
        """Of each action, float32 `[..., actions]`."""


def draw_noise(key: Key, space: ActionSpace, shape: tuple[int, ...]) -> jax.Array:
    """All that is random in drawing `[*shape]` actions of a space, for `Distribution.sample`.

    It does not depend on the distributions: a loop can have the noise of all its steps drawn in
    one call before it begins.

    Returns:
        float32: Gumbel's `[*shape, actions]` for discrete actions, normal `[*shape, dimensions]`
        for vectors.
    """
    if isinstance(space, Discrete):
        return jax.random.gumbel(key, (*shape, space.n))
    return jax.random.normal(key, (*shape, *space.low.shape))


class Categorical(NamedTuple):
    """Discrete actions.

    Attributes:
        logits: float32 `[..., actions]`, finite.
    """

    logits: jax.Array

    def mode(self) -> jax.Array:
        """int32 `[...]`."""
        return jnp.argmax(self.logits, axis=-1).astype(jnp.int32)

    def sample(self, noise: jax.Array) -> jax.Array:
        """int32 `[...]`, by the largest of the logits and Gumbel's noise `[..., actions]`."""
        return jnp.argmax(self.logits + noise, axis=-1).astype(jnp.int32)

    def probability(self) -> jax.Array:
        """Of each action, float32 `[..., actions]`."""
        return jax.nn.softmax(self.logits)

    def log_probability(self, action: jax.Array) -> jax.Array:
        """For actions int32 `[...]`."""
        # A one-hot product: its gradient is a product too, where indexing would scatter.
        chosen = jax.nn.one_hot(action, self.logits.shape[-1], dtype=self.logits.dtype)
        return jnp.sum(jax.nn.log_softmax(self.logits) * chosen, axis=-1)

    def entropy(self) -> jax.Array:
        """From 0 to log(actions)."""
        log_probabilities = jax.nn.log_softmax(self.logits)
        return -jnp.sum(jnp.exp(log_probabilities) * log_probabilities, axis=-1)


class Gaussian(NamedTuple):
    """Actions that are vectors, each coordinate by itself.

    Attributes:
        mean: float32 `[..., dimensions]`.
        log_deviation: float32 `[..., dimensions]`, log of the standard deviation.
    """

    mean: jax.Array
    log_deviation: jax.Array

    def mode(self) -> jax.Array:
        """float32 `[..., dimensions]`."""
        return self.mean

    def sample(self, noise: jax.Array) -> jax.Array:
        """float32 `[..., dimensions]`, from normal noise of that shape."""
        return self.mean + jnp.exp(self.log_deviation) * noise

    def log_probability(self, action: jax.Array) -> jax.Array:
        """The logarithm of the density, for actions float32 `[..., dimensions]`."""
        standard = (action - self.mean) * jnp.exp(-self.log_deviation)
        each = -0.5 * jnp.square(standard) - self.log_deviation - 0.5 * math.log(2.0 * math.pi)
        return jnp.sum(each, axis=-1)

    def entropy(self) -> jax.Array:
        """Of the density."""
        each = self.log_deviation + 0.5 * (1.0 + math.log(2.0 * math.pi))
        return jnp.sum(each, axis=-1)


_NODES, _WEIGHTS = (part.astype(np.float32) for part in np.polynomial.hermite_e.hermegauss(32))
_LARGEST = 1.0 - 2.0**-23
"""The largest action that has a finite inverse of tanh by some margin."""


class SquashedGaussian(NamedTuple):
    """tanh(u) for u normal, each coordinate by itself.

    Attributes:
        mean: float32 `[..., dimensions]`, of u.
        log_deviation: float32 `[..., dimensions]`, log of u's standard deviation.

    Source: Haarnoja et al. 2018 (arXiv 1812.05905), appendix C.
    """

    mean: jax.Array
    log_deviation: jax.Array

    def mode(self) -> jax.Array:
        """Tanh of u's mode, float32 `[..., dimensions]`: the greedy action."""
        return jnp.tanh(self.mean)

    def sample(self, noise: jax.Array) -> jax.Array:
        """float32 `[..., dimensions]`, from normal noise of that shape."""
        return jnp.tanh(self._gaussian().sample(noise))

    def sample_with_log_probability(self, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
        """An action and the logarithm of its density, float32 `[...]`.

        From u itself: exact and smooth also where tanh(u) rounds to 1.
        """
        unsquashed = self._gaussian().sample(noise)
        return jnp.tanh(unsquashed), self._log_density(unsquashed)

    def log_probability(self, action: jax.Array) -> jax.Array:
        """The logarithm of the density, for actions float32 `[..., dimensions]` from -1 to 1.

        An action that has been rounded to ±1 counts as the nearest number within.
        """
        return self._log_density(jnp.arctanh(jnp.clip(action, -_LARGEST, _LARGEST)))

    def entropy(self) -> jax.Array:
        """Of the density: u's and the mean of log tanh'(u), by Gauss-Hermite quadrature.

        Off by less than 1e-3 nats a dimension for standard deviations up to 2.
        """
        deviation = jnp.exp(self.log_deviation)
        nodes = self.mean[..., None] + deviation[..., None] * _NODES
        slope = jnp.sum(log_slope(nodes) * _WEIGHTS, axis=-1) / math.sqrt(2.0 * math.pi)
        return self._gaussian().entropy() + jnp.sum(slope, axis=-1)

    def _gaussian(self) -> Gaussian:
        return Gaussian(self.mean, self.log_deviation)

    def _log_density(self, unsquashed: jax.Array) -> jax.Array:
        change = jnp.sum(log_slope(unsquashed), axis=-1)
        return self._gaussian().log_probability(unsquashed) - change


def log_slope(unsquashed: jax.Array) -> jax.Array:
    """log(1 - tanh²(u)), float32 as `unsquashed`, without the difference that would round to 0.

    2 (log 2 - u - log(1 + exp(-2 u))), since 1 - tanh²(u) = 4 / (exp(u) + exp(-u))².
    """
    return 2.0 * (math.log(2.0) - unsquashed - jax.nn.softplus(-2.0 * unsquashed))

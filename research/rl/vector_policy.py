"""Policies as vectors, each the parameters of a small network."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from research.engine.experiment import Key
from research.rl.distributions import Categorical
from research.rl.environments.environment import Environment
from research.rl.evaluation import EpisodeReturns, run_episodes
from research.rl.policy import memoryless
from research.rl.q_network import features

VectorPolicy = Callable[[jax.Array, jax.Array], Categorical]
"""(vector `[parameters]`, observations `[..., *observation_shape]`) -> distributions of actions."""


class PolicyNetwork(nn.Module):
    """Logits of actions: dense layers with tanh between them.

    Attributes:
        units: units of each hidden layer.
        actions: the number of actions.
        bias: whether the last layer has a bias. Without one a linear policy is as good for an
            observation as its mirror image is for the mirrored one.
    """

    units: tuple[int, ...]
    actions: int
    bias: bool

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """float32 `[..., actions]` for inputs `[..., features]`."""
        hidden = inputs
        for units in self.units:
            hidden = jnp.tanh(nn.Dense(units)(hidden))
        return nn.Dense(self.actions, use_bias=self.bias)(hidden)


def make_vector_policy(
    environment: Environment, units: tuple[int, ...], bias: bool
) -> tuple[int, VectorPolicy]:
    """The number of parameters of a policy for `environment`, and the policy."""
    network = PolicyNetwork(units, environment.actions, bias)
    rank = len(environment.observation_shape)

    def flat(observation: jax.Array) -> jax.Array:
        if environment.states is not None:
            return features(environment, observation)
        return observation.reshape(*observation.shape[: observation.ndim - rank], -1)

    observation = jnp.zeros(environment.observation_shape, jnp.float32)
    if environment.states is not None:
        observation = observation.astype(jnp.int32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), flat(observation))
    zeros, unravel = ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes))

    def policy(vector: jax.Array, observations: jax.Array) -> Categorical:
        return Categorical(network.apply(unravel(vector), flat(observations)))

    return zeros.size, policy


def play(
    environment: Environment, policy: VectorPolicy, vectors: jax.Array, key: Key, episodes: int
) -> EpisodeReturns:
    """Whole episodes of the most probable actions of several policies, from the same states.

    Args:
        environment: to act in.
        policy: what a vector means.
        vectors: float32 `[candidates, parameters]`.
        key: for everything that is drawn.
        episodes: how many for each candidate.

    Returns:
        Leaves `[candidates, episodes]`.
    """
    rivals = memoryless(lambda observations: jax.vmap(policy)(vectors, observations))
    return run_episodes(environment, rivals, key, episodes, rivals=len(vectors))

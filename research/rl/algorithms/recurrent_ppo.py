"""PPO (Schulman et al. 2017, arXiv 1707.06347) of a policy with a memory: a GRU.

Memory is carried from step to step and from rollout to rollout, and is blank where an episode
begins. Examples are whole rollouts of environments, replayed from the memory before their
first step, blank in the same places; gradients end at a rollout's start. A minibatch
is some of the environments: order within a sequence is never shuffled. All else is `ppo.py`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.layers.cells import GRU
from research.layers.recurrent import init_uniform, recurrent, recurrent_step
from research.options.ranges import COUNT
from research.rl.advantages import Examples, Learner, evaluate_steps
from research.rl.algorithms.ppo import PPO, make_proximal
from research.rl.distributions import Distribution
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment
from research.rl.network import ActingNetwork, Tower, spaces
from research.rl.rollout import Trajectory


class Memory(NamedTuple):
    """The memory of an episode; all 0 where one begins.

    Attributes:
        policy: float32 `[..., memory_units]`, the hidden state of the policy's GRU.
        value: the same of the value function's.
    """

    policy: jax.Array
    value: jax.Array


class Sequences(NamedTuple):
    """Observations in pieces of time, each one environment's, and the memory before it.

    Attributes:
        observation: `[batch, time, *observation_shape]`.
        memory: before the first step, leaves `[batch, memory_units]`.
        fresh: bool `[batch, time]`, whether an episode began with that step; False at the first,
            whose memory is blank where one did.
    """

    observation: jax.Array
    memory: Memory
    fresh: jax.Array


class RecurrentTower(nn.Module):
    """Dense layers with tanh, then a GRU, then a linear layer.

    Attributes:
        units: units of each layer before the GRU, at least one.
        memory_units: of the GRU.
        outputs: units of the last layer.
        last_scale: scale of the last layer's initial weights.
        channels: of a convolution before all else, and
        dimensions: axes of one input, both as `research.rl.network.Tower` has them.
    """

    units: tuple[int, ...]
    memory_units: int
    outputs: int
    last_scale: float
    channels: int = 0
    dimensions: int = 1

    def setup(self) -> None:
        """The encoder, the GRU, and the readout."""
        *before, features = self.units
        self.encoder = Tower(
            tuple(before), features, math.sqrt(2.0), self.channels, self.dimensions
        )
        self.gru = self.param("gru", init_uniform, GRU, features, self.memory_units)
        self.readout = Tower((), self.outputs, self.last_scale)

    def step(self, inputs: jax.Array, hidden: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Outputs `[..., outputs]` and the hidden state after one input `[..., *input_shape]`."""
        (hidden,) = recurrent_step(GRU, self.gru, self._encoded(inputs), (hidden,))
        return self.readout(hidden), hidden

    def __call__(
        self, inputs: jax.Array, hidden: jax.Array, fresh: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Outputs and hidden states after each input, both `[batch, time, ...]`.

        Args:
            inputs: `[batch, time, *input_shape]`.
            hidden: before the first of them, `[batch, memory_units]`.
            fresh: bool `[batch, time]`, whether the GRU begins anew with that input.
        """
        encoded = self._encoded(inputs)
        hiddens, _ = recurrent(GRU, self.gru, encoded, (hidden,), fresh=fresh)
        return self.readout(hiddens), hiddens

    def _encoded(self, inputs: jax.Array) -> jax.Array:
        return jnp.tanh(self.encoder(inputs))


class RecurrentPolicyAndValue(ActingNetwork):
    """A policy and a value function that share nothing, a memory neither.

    Ni et al. 2022 (arXiv 2110.05038), section 4, found two memories to do better than one that is
    shared. Scales are those of `research.rl.network.PolicyAndValue`.

    Attributes:
        memory_units: units of either GRU.
    """

    memory_units: int = 64

    def setup(self) -> None:
        """Two towers, and the deviations of vectors."""
        sizes, image = (self.units, self.memory_units), (self.channels, self.input_dimensions)
        self.policy_tower = RecurrentTower(*sizes, self.actions, 0.01, *image)
        self.value_tower = RecurrentTower(*sizes, 1, 1.0, *image)
        super().setup()

    @property
    def initial(self) -> Memory:
        """The memory of one environment where an episode begins."""
        zeros = jnp.zeros(self.memory_units, jnp.float32)
        return Memory(zeros, zeros)

    def step(
        self, memory: Memory, observation: jax.Array
    ) -> tuple[Memory, tuple[Distribution, jax.Array]]:
        """One step of each of several episodes.

        Args:
            memory: leaves `[..., memory_units]`, of what came before.
            observation: `[..., *observation_shape]`.

        Returns:
            The memory afterwards, actions, and values float32 `[...]`.
        """
        features = self.features(observation)
        outputs, policy = self.policy_tower.step(features, memory.policy)
        value, valued = self.value_tower.step(features, memory.value)
        return Memory(policy, valued), (self.distribution(outputs), value[..., 0])

    def __call__(self, sequences: Sequences) -> tuple[Distribution, jax.Array]:
        """Actions and values, leaves `[batch, time, ...]`."""
        _, outputs = self.replay(sequences)
        return outputs

    def replay(self, sequences: Sequences) -> tuple[Memory, tuple[Distribution, jax.Array]]:
        """As `step` has it step by step: the memory after each, actions and values.

        Leaves are `[batch, time, ...]`.
        """
        features = self.features(sequences.observation)
        outputs, policy = self.policy_tower(features, sequences.memory.policy, sequences.fresh)
        value, valued = self.value_tower(features, sequences.memory.value, sequences.fresh)
        return Memory(policy, valued), (self.distribution(outputs), value[..., 0])


def make_recurrent_network(
    environment: Environment, units: tuple[int, ...], memory_units: int, channels: int = 0
) -> RecurrentPolicyAndValue:
    """Recurrent policy and value for the observations and actions of an environment."""
    return RecurrentPolicyAndValue(
        units=units, memory_units=memory_units, channels=channels, **spaces(environment)
    )


@dataclass(frozen=True)
class RecurrentPPO(PPO):
    """Options: of the layers, a GRU comes after the hidden ones."""

    memory_units: Annotated[
        int, "units of the policy's GRU, and of the value function's", COUNT
    ] = 64

    def problems(self) -> list[str]:
        """As those of `PPO`; and a minibatch must be of whole sequences."""
        found = super().problems()
        sequences = self.rollout_steps * self.groups
        if not found and self.minibatch_size % sequences:
            found.append(
                "--minibatch-size must be a multiple of --rollout-steps times --groups "
                f"({sequences}), for environments are shuffled and never their steps: "
                f"{self.minibatch_size} is not"
            )
        return found

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), memory_units=8)

    def make(self) -> Experiment:
        """Recurrent PPO in the chosen environment."""
        return make_recurrent_ppo(make_environment(self.environment), self)


def make_recurrent_ppo(environment: Environment, config: RecurrentPPO) -> Experiment:
    """PPO in `environment` of a policy with a GRU; see `research.rl.algorithms.ppo`."""
    network = make_recurrent_network(
        environment, config.hidden, config.memory_units, config.channels
    )

    def init(key: Key, observation: jax.Array) -> Any:
        return network.init(key, network.initial, observation, method="step")

    def act(params: Any, memory: Memory, observations: jax.Array) -> tuple[Memory, Distribution]:
        memory, (dist, _) = network.apply(params, memory, observations, method="step")
        return memory, dist

    def examples(
        params: Any, memory: Memory, trajectory: Trajectory, hyperparameters: Hyperparameters
    ) -> Examples:
        return make_sequences(network, params, memory, trajectory, hyperparameters)

    learner = Learner(network, init, act, examples, network.initial)
    return make_proximal(environment, config, learner)


def make_sequences(
    network: RecurrentPolicyAndValue,
    params: Any,
    memory: Memory,
    trajectory: Trajectory,
    hyperparameters: Hyperparameters,
) -> Examples:
    """Turns `[time, environments]` steps into one example an environment.

    V(final_observation) is with the memory of the episode that the observation ends, never of the
    one that follows. `memory`, leaves `[environments, ...]`, is that before the first step;
    parameters are those that acted.

    Returns:
        Leaves `[environments, time, ...]`; `Examples.observation` is a `Sequences`.
    """
    ended = trajectory.ended
    fresh = jnp.concatenate([jnp.zeros_like(ended[:1]), ended[:-1]])
    sequences = Sequences(
        jnp.swapaxes(trajectory.observation, 0, 1), memory, jnp.swapaxes(fresh, 0, 1)
    )
    after, (dist, value) = network.apply(params, sequences, method="replay")
    # In time's order as the trajectory is, and one step further from each.
    after, dist, value = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), (after, dist, value))
    _, (_, final_value) = network.apply(params, after, trajectory.final_observation, method="step")
    examples = evaluate_steps(trajectory, None, dist, value, final_value, hyperparameters)
    by_environment = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), examples)
    return by_environment._replace(observation=sequences)

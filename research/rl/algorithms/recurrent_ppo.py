"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347) of a policy that remembers.

Memory is carried from step to step and from rollout to rollout, and is blank where an episode
begins. What is learned from is whole rollouts of environments, replayed from what was remembered
before their first step, blank in the same places; gradients end at a rollout's start. A minibatch
is some of the environments: order within a sequence is never shuffled. All else is `ppo.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.options.ranges import COUNT
from research.rl.advantages import Examples, evaluate_steps
from research.rl.algorithms.ppo import PPO, make_proximal
from research.rl.distributions import Distribution
from research.rl.environments.environment import Environment
from research.rl.environments.registered import make_environment
from research.rl.on_policy import Learner
from research.rl.recurrent_network import (
    Memory,
    RecurrentPolicyAndValue,
    Sequences,
    make_recurrent_network,
)
from research.rl.rollout import Trajectory


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
    """PPO in `environment` of a policy with a GRU; see `research.rl.algorithms.ppo`.

    Args:
        environment: to act in.
        config: the options.
    """
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

    V(final_observation) is that of what was remembered of the episode that the observation ends,
    never of the one that follows.

    Args:
        network: policy and value function.
        params: its parameters, those that acted.
        memory: what it remembered before the first step, leaves `[environments, ...]`.
        trajectory: leaves `[time, environments, ...]`.
        hyperparameters: `discount` and `gae_lambda`.

    Returns:
        Leaves `[environments, time, ...]`; `Examples.observation` is a `Sequences`.
    """
    ended = trajectory.terminated | trajectory.truncated
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

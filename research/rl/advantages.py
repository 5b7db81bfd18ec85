"""Generalised advantage estimates, and learners: policies with the examples they learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from research.engine.experiment import Hyperparameters, Key
from research.rl.distributions import Distribution
from research.rl.network import ActingNetwork, PolicyAndValue
from research.rl.policy import Memory
from research.rl.rollout import Trajectory


def generalised_advantages(
    reward: Float[Array, " time *batch"],
    value: Float[Array, " time *batch"],
    final_value: Float[Array, " time *batch"],
    terminated: Bool[Array, " time *batch"],
    truncated: Bool[Array, " time *batch"],
    discount: Array | float,
    gae_lambda: Array | float,
) -> Float[Array, " time *batch"]:
    """Generalised advantage estimates over a piece of trajectory; with `value`, the TD(λ) returns.

    With δ_t = r_t + γ V(s'_t) - V(s_t), the estimate is A_t = δ_t + γλ A_{t+1} within an episode. A
    terminated step has no future: V(s'_t) counts as 0. A truncated one has: V(s'_t), `final_value`,
    is that of the state where the time limit struck, before any reset. Either cuts the trace (no
    A_{t+1}), as does the end of the piece, where V(s'_t) stands for all that follows.

    Source: Schulman et al. 2016 (arXiv 1506.02438), eqs 11-16; Pardo et al. 2018
        (arXiv 1712.00378), section 3, for time limits.
    """
    td_error = reward + discount * jnp.where(terminated, 0.0, final_value) - value
    decay = discount * gae_lambda * jnp.where(terminated | truncated, 0.0, 1.0)

    def back(later: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        td_error, step_decay = step
        advantage = td_error + step_decay * later
        return advantage, advantage

    _, advantages = jax.lax.scan(back, jnp.zeros_like(td_error[0]), (td_error, decay), reverse=True)
    return advantages


def advantages_in(
    trajectory: Trajectory,
    value: jax.Array,
    final_value: jax.Array,
    discount: Array | float,
    gae_lambda: Array | float,
) -> jax.Array:
    """`generalised_advantages` of the steps `[time, environments]` of a trajectory."""
    ends = trajectory.terminated, trajectory.truncated
    return generalised_advantages(
        trajectory.reward, value, final_value, *ends, discount, gae_lambda
    )


class Examples(NamedTuple):
    """Examples for the gradient steps, leaves `[batch, ...]`.

    A policy with a memory learns from whole pieces of time: leaves are `[batch, time, ...]` then.

    Attributes:
        observation: the network's input: `[batch, *observation_shape]`, or a pytree.
        action: int32 `[batch]`, or float32 `[batch, dimensions]`.
        log_probability: float32 `[batch]`, of the action under the policy that took it.
        advantage: float32 `[batch]`.
        target: float32 `[batch]`, for the value function.
        value: float32 `[batch]`, V before the update; None where nothing needs it.
    """

    observation: Any
    action: jax.Array
    log_probability: jax.Array
    advantage: jax.Array
    target: jax.Array
    value: jax.Array | None = None


def make_examples(
    network: PolicyAndValue, params: Any, trajectory: Trajectory, hyperparameters: Hyperparameters
) -> Examples:
    """Turns `[time, environments]` steps into examples, with the parameters that acted.

    Returns:
        Leaves `[time * environments, ...]`.
    """
    # One call for both kinds of values; neither is needed while acting.
    both = jnp.stack([trajectory.observation, trajectory.final_observation])
    value, final_value = network.apply(params, both, method="value")
    dist = network.apply(params, trajectory.observation, method="policy")
    observation = trajectory.observation
    examples = evaluate_steps(trajectory, observation, dist, value, final_value, hyperparameters)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), examples)


def evaluate_steps(
    trajectory: Trajectory,
    observation: Any,
    dist: Distribution,
    value: jax.Array,
    final_value: jax.Array,
    hyperparameters: Hyperparameters,
) -> Examples:
    """The examples of a trajectory, leaves `[time, environments, ...]`.

    Args:
        trajectory: leaves `[time, environments, ...]`.
        observation: `Examples.observation`.
        dist: the actions' distributions where they were taken.
        value: float32 `[time, environments]`, V of what was acted on.
        final_value: of the same shape, V of what the action led to, in its episode.
        hyperparameters: `discount` and `gae_lambda`.
    """
    discount, gae_lambda = hyperparameters["discount"], hyperparameters["gae_lambda"]
    advantage = advantages_in(trajectory, value, final_value, discount, gae_lambda)
    return Examples(
        observation=observation,
        action=trajectory.action,
        log_probability=dist.log_probability(trajectory.action),
        advantage=advantage,
        target=advantage + value,
        value=value,
    )


class Learner(NamedTuple):
    """A policy and a value function: all that differs with and without a memory.

    Attributes:
        network: called with `Examples.observation`, it gives actions and values.
        init: (key, an observation) -> its parameters.
        act: (parameters, memory, observations `[..., *observation_shape]`) -> the memory
            afterwards, and distributions of actions.
        make_examples: (parameters, memory before the first step, trajectory, hyperparameters) ->
            examples, of each environment's step or of each environment.
        initial: the memory of one environment where an episode begins; None without memory.
    """

    network: ActingNetwork
    init: Callable[[Key, jax.Array], Any]
    act: Callable[[Any, Memory, jax.Array], tuple[Memory, Distribution]]
    make_examples: Callable[[Any, Memory, Trajectory, Hyperparameters], Examples]
    initial: Memory = None


def memoryless_learner(network: PolicyAndValue) -> Learner:
    """A learner of the present observation alone."""

    def act(params: Any, memory: None, observations: jax.Array) -> tuple[None, Distribution]:
        return memory, network.apply(params, observations, method="policy")

    def examples(
        params: Any, memory: None, trajectory: Trajectory, hyperparameters: Hyperparameters
    ) -> Examples:
        del memory
        return make_examples(network, params, trajectory, hyperparameters)

    return Learner(network, network.init, act, examples)

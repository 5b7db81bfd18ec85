"""What a model of several steps learns from: pieces of trajectories, and the loss over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Hyperparameters
from research.rl.advantages import generalised_advantages
from research.rl.environments.environment import Environment
from research.rl.learned_model import LearnedModel
from research.rl.q_network import features
from research.rl.rollout import Trajectory


class Unrolled(NamedTuple):
    """A state and what followed it for K steps; leaves `[batch, ...]`.

    Where the process has ended, an absorbing state follows: rewards and values of 0, and no policy
    to learn. What follows a time limit or the end of the rollout is not known, and weighs nothing.

    Attributes:
        observation: `[batch, *observation_shape]`, of the first state.
        action: int32 `[batch, K]`, what was done.
        reward: float32 `[batch, K]`.
        reward_weight: float32 `[batch, K]`, 1 where it is known.
        value: float32 `[batch, K + 1]`, the return that follows.
        value_weight: float32 `[batch, K + 1]`.
        policy: float32 `[batch, K + 1, actions]`, probabilities.
        policy_weight: float32 `[batch, K + 1]`.
    """

    observation: jax.Array
    action: jax.Array
    reward: jax.Array
    reward_weight: jax.Array
    value: jax.Array
    value_weight: jax.Array
    policy: jax.Array
    policy_weight: jax.Array


def search_returns(
    trajectory: Trajectory,
    value: jax.Array,
    cut_value: jax.Array,
    discount: jax.Array | float,
    return_lambda: jax.Array | float,
) -> jax.Array:
    """TD(λ) returns, bootstrapped by the values that searches found on the way.

    Args:
        trajectory: leaves `[time, environments, ...]`.
        value: float32 `[time, environments]`, of what was acted on.
        cut_value: float32 `[time, environments]`, of `final_observation`; looked at only where a
            time limit cut an episode, and in the last step.
        discount: γ.
        return_lambda: λ.

    Returns:
        float32 `[time, environments]`.
    """
    last = jnp.zeros(value.shape, bool).at[-1].set(True)
    following = jnp.roll(value, -1, axis=0)
    final_value = jnp.where(last | trajectory.truncated, cut_value, following)
    advantage = generalised_advantages(
        trajectory.reward,
        value,
        final_value,
        trajectory.terminated,
        trajectory.truncated,
        discount,
        return_lambda,
    )
    return advantage + value


def unroll(trajectory: Trajectory, policy: jax.Array, returns: jax.Array, steps: int) -> Unrolled:
    """Each state of a rollout with the K steps after it.

    Args:
        trajectory: leaves `[time, environments, ...]`.
        policy: float32 `[time, environments, actions]`, what searches advised.
        returns: float32 `[time, environments]`.
        steps: K.

    Returns:
        Leaves `[time * environments, ...]`.

    Source: Schrittwieser et al. 2020 (arXiv 1911.08265), appendix G, and its pseudocode for
        absorbing states.
    """
    time = jnp.arange(returns.shape[0])

    def later(leaf: jax.Array, step: int) -> jax.Array:
        return leaf[jnp.minimum(time + step, time[-1])]

    going, absorbed = jnp.ones(returns.shape, bool), jnp.zeros(returns.shape, bool)
    ahead, transitions = [], []
    for step in range(steps + 1):
        going &= (time + step <= time[-1])[:, None]
        known = (going | absorbed).astype(jnp.float32)
        value = jnp.where(going, later(returns, step), 0.0)
        ahead.append((value, known, later(policy, step), going.astype(jnp.float32)))
        reward = jnp.where(going, later(trajectory.reward, step), 0.0)
        # Of a state that is over, any action leads to itself.
        transitions.append((later(trajectory.action, step), reward, known))
        absorbed |= going & later(trajectory.terminated, step)
        going &= ~later(trajectory.terminated | trajectory.truncated, step)

    def stacked(parts: Sequence[tuple[jax.Array, ...]]) -> list[jax.Array]:
        whole = [jnp.stack(part, axis=2) for part in zip(*parts, strict=True)]
        return [leaf.reshape(-1, *leaf.shape[2:]) for leaf in whole]

    shown = trajectory.observation
    action, reward, reward_weight = stacked(transitions[:-1])
    value, value_weight, policy, policy_weight = stacked(ahead)
    return Unrolled(
        observation=shown.reshape(-1, *shown.shape[2:]),
        action=action,
        reward=reward,
        reward_weight=reward_weight,
        value=value,
        value_weight=value_weight,
        policy=policy,
        policy_weight=policy_weight,
    )


def model_loss(
    environment: Environment,
    model: LearnedModel,
    params: Any,
    examples: Unrolled,
    values: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """How far K imagined steps are from what happened: mean over examples.

    The first state's loss counts whole, those of the K after it 1/K each; a gradient is halved
    where a step is imagined. Values and rewards by half their squared errors, policies by
    cross-entropy.

    Args:
        environment: where.
        model: what learns.
        params: its parameters.
        examples: leaves `[batch, ...]`.
        values: `value_weight`, of the errors of values and rewards beside those of policies.

    Returns:
        The loss, and its three parts by name, float32 scalars.

    Source: Schrittwieser et al. 2020 (arXiv 1911.08265), eq. 1 and appendix G.
    """
    steps = examples.action.shape[1]
    seen = model.apply(params, features(environment, examples.observation), method="represent")

    def imagine(latent: jax.Array, action: jax.Array) -> tuple[jax.Array, tuple]:
        halved = 0.5 * latent + jax.lax.stop_gradient(0.5 * latent)
        reward, then = model.apply(params, halved, action, method="imagine")
        return then.latent, (reward, then.value, then.logits)

    _, (reward, value, logits) = jax.lax.scan(imagine, seen.latent, examples.action.T)
    value = jnp.concatenate([seen.value[:, None], value.T], axis=1)
    logits = jnp.concatenate([seen.logits[:, None], logits.swapaxes(0, 1)], axis=1)

    weight = jnp.ones(steps + 1).at[1:].set(1.0 / steps)
    error = optax.losses.l2_loss(value, examples.value) * examples.value_weight
    surprise = optax.losses.softmax_cross_entropy(logits, examples.policy)
    surprise = surprise * examples.policy_weight
    reward_error = optax.losses.l2_loss(reward.T, examples.reward) * examples.reward_weight
    parts = {
        "value_loss": jnp.mean(error @ weight),
        "policy_loss": jnp.mean(surprise @ weight),
        "reward_loss": jnp.mean(reward_error @ weight[1:]),
    }
    numbers = parts["value_loss"] + parts["reward_loss"]
    loss = parts["policy_loss"] + values["value_weight"] * numbers
    return loss, parts | {"loss": loss}

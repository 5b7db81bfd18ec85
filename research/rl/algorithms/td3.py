"""Twin delayed deep deterministic policy gradient (TD3): one action for each observation.

Two critics of which the smaller counts, an actor that learns less often than they do, and noise
on the actions that targets are made of.

Source: Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods"
(arXiv 1802.09477), algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.rl.actor_critic import critic_loss, descend, smallest
from research.rl.deterministic import (
    Deterministic,
    DeterministicParams,
    improve,
    networks,
    track,
)
from research.rl.distributions import Gaussian
from research.rl.environments.environment import Environment
from research.rl.off_policy import Algorithm, Sizes, make_off_policy
from research.rl.replay import Transition


def make_td3(
    environment: Environment,
    sizes: Sizes,
    policy_delay: int,
    hyperparameters: Mapping[str, float],
) -> Experiment:
    """TD3 in `environment`, whose actions are vectors.

    Args:
        environment: where.
        sizes: shapes and loops.
        policy_delay: gradient steps of the critics for each of the actor's; it divides
            `sizes.gradient_steps`.
        hyperparameters: `learning_rate`, `discount`, `target_rate`, `exploration_deviation`,
            `smoothing_deviation` and `smoothing_limit`.
    """

    def make_algorithm(scaled: Environment) -> Algorithm:
        return td3(networks(scaled, sizes.units, critics=2), policy_delay)

    return make_off_policy(environment, make_algorithm, sizes, hyperparameters)


def smoothed(
    action: jax.Array, noise: jax.Array, deviation: jax.Array, limit: jax.Array
) -> jax.Array:
    """An action near `action`, within -1 and 1: clip(a + clip(σ ε, -c, c), -1, 1).

    Args:
        action: float32 `[..., dimensions]`.
        noise: ε, normal, of the same shape.
        deviation: σ.
        limit: c.

    Source: Fujimoto et al. 2018, eq. 14.
    """
    moved = action + jnp.clip(deviation * noise, -limit, limit)
    return jnp.clip(moved, -1.0, 1.0)


def td3_target(
    agent: Deterministic,
    params: DeterministicParams,
    seen: Transition,
    noise: jax.Array,
    values: Hyperparameters,
) -> jax.Array:
    """R + γ min_i Q'_i(s', smoothed π'(s')), float32 `[batch]` (algorithm 1)."""
    following = agent.action(params.target_actor, seen.final_observation)
    deviation, limit = values["smoothing_deviation"], values["smoothing_limit"]
    action = smoothed(following, noise, deviation, limit)
    value = agent.critics.apply(params.target_critics, seen.final_observation, action)
    return seen.reward + seen.discount * smallest(value)


def td3(agent: Deterministic, policy_delay: int) -> Algorithm:
    """What TD3 knows and does."""

    def policy(
        params: DeterministicParams, observation: jax.Array, values: Hyperparameters
    ) -> Gaussian:
        return agent.exploring(params, observation, values["exploration_deviation"])

    def learn(
        params: DeterministicParams,
        seen: Transition,
        number: jax.Array,
        values: Hyperparameters,
        key: Key,
    ) -> tuple[DeterministicParams, Metrics]:
        noise = jax.random.normal(key, seen.action.shape)
        target = td3_target(agent, params, seen, noise, values)
        critics, error, _ = descend(
            lambda p: (critic_loss(agent.critics, p, seen, target), None),
            params.critics,
            values["learning_rate"],
        )

        def follow(params: DeterministicParams) -> tuple[DeterministicParams, Metrics]:
            params, loss = improve(agent, params, seen.observation, values["learning_rate"])
            return track(params, values["target_rate"]), {"actor_loss": mean(loss)}

        def wait(params: DeterministicParams) -> tuple[DeterministicParams, Metrics]:
            return params, {"actor_loss": mean(jnp.float32(0), jnp.bool_(False))}

        due = number % policy_delay == policy_delay - 1
        params, told = jax.lax.cond(due, follow, wait, params._replace(critics=critics))
        return params, {"critic_loss": mean(error)} | told

    return Algorithm(agent.init, policy, learn)

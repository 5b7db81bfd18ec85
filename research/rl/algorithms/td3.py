"""Twin delayed deep deterministic policy gradient (TD3): one action for each observation.

Two critics of which the smaller counts, an actor that learns less often than they do, and noise
on the actions that targets are made of.

Source: Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods"
(arXiv 1802.09477), algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.optimization.descent import descend
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Divides
from research.rl.actor_critic import adam, critic_loss, smallest
from research.rl.algorithms.ddpg import Deterministic, DeterministicParams, improve, networks, track
from research.rl.environments.interface import Environment
from research.rl.off_policy import ActorCritic, Algorithm
from research.rl.replay_buffer import Transition


@dataclass(frozen=True)
class TD3(ActorCritic):
    """Options of TD3."""

    policy_delay: Annotated[
        int,
        "gradient steps of the critics for each of the actor's",
        COUNT,
        Divides(("gradient_steps",)),
    ] = 2
    exploration_deviation: Annotated[float, "of the noise on actions, from -1 to 1", POSITIVE] = 0.1
    smoothing_deviation: Annotated[float, "of the noise on the actions of targets", AMOUNT] = 0.2
    smoothing_limit: Annotated[float, "how far that noise reaches at most", AMOUNT] = 0.5

    def algorithm(self, environment: Environment) -> Algorithm:
        """Two critics, and an actor that learns from some minibatches."""
        return td3(networks(environment, self.hidden, critics=2), self.policy_delay)


def smooth(
    action: jax.Array, noise: jax.Array, deviation: jax.Array, limit: jax.Array
) -> jax.Array:
    """An action near `action`, within -1 and 1: clip(a + clip(σ ε, -c, c), -1, 1).

    The noise ε is normal, σ the deviation and c the limit.

    Source: Fujimoto et al. 2018, eq. 14.
    """
    moved = action + jnp.clip(deviation * noise, -limit, limit)
    return jnp.clip(moved, -1.0, 1.0)


def td3_target(
    agent: Deterministic,
    params: DeterministicParams,
    batch: Transition,
    noise: jax.Array,
    values: Hyperparameters,
) -> jax.Array:
    """R + γ min_i Q'_i(s', smooth π'(s')), float32 `[batch]` (algorithm 1)."""
    following = agent.action(params.target_actor, batch.final_observation)
    deviation, limit = values["smoothing_deviation"], values["smoothing_limit"]
    action = smooth(following, noise, deviation, limit)
    value = agent.critics.apply(params.target_critics, batch.final_observation, action)
    return batch.reward + batch.discount * smallest(value)


def td3(agent: Deterministic, policy_delay: int) -> Algorithm:
    """TD3 of these networks."""

    def learn(
        params: DeterministicParams,
        batch: Transition,
        number: jax.Array,
        values: Hyperparameters,
        key: Key,
    ) -> tuple[DeterministicParams, Metrics]:
        noise = jax.random.normal(key, batch.action.shape)
        target = td3_target(agent, params, batch, noise, values)
        critics, error = descend(
            lambda p: critic_loss(agent.critics, p, batch, target),
            params.critics,
            adam(values["learning_rate"]),
        )

        def follow(params: DeterministicParams) -> tuple[DeterministicParams, Metrics]:
            params, loss = improve(agent, params, batch.observation, values["learning_rate"])
            return track(params, values["target_rate"]), {"actor_loss": mean(loss)}

        def wait(params: DeterministicParams) -> tuple[DeterministicParams, Metrics]:
            return params, {"actor_loss": mean(jnp.float32(0), jnp.bool_(False))}

        due = number % policy_delay == policy_delay - 1
        params, metrics = jax.lax.cond(due, follow, wait, params._replace(critics=critics))
        return params, {"critic_loss": mean(error)} | metrics

    return Algorithm(agent.init, agent.policy, learn)

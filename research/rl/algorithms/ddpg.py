"""Deep deterministic policy gradient (DDPG): an actor that climbs what one critic says.

Source: Lillicrap et al. 2016, "Continuous control with deep reinforcement learning"
(arXiv 1509.02971), algorithm 1; with normal noise for exploration, which Fujimoto et al. 2018
(arXiv 1802.09477, section 6.1) found to be as good as the correlated noise of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.rl.actor_critic import critic_loss, descend
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


def make_ddpg(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """DDPG in `environment`, whose actions are vectors.

    Args:
        environment: where.
        sizes: shapes and loops.
        hyperparameters: `learning_rate`, `discount`, `target_rate` and `exploration_deviation`.
    """

    def make_algorithm(scaled: Environment) -> Algorithm:
        return ddpg(networks(scaled, sizes.units, critics=1))

    return make_off_policy(environment, make_algorithm, sizes, hyperparameters)


def ddpg_target(agent: Deterministic, params: DeterministicParams, seen: Transition) -> jax.Array:
    """R + γ Q'(s', π'(s')), float32 `[batch]` (algorithm 1)."""
    following = agent.action(params.target_actor, seen.final_observation)
    (value,) = agent.critics.apply(params.target_critics, seen.final_observation, following)
    return seen.reward + seen.discount * value


def ddpg(agent: Deterministic) -> Algorithm:
    """What DDPG knows and does."""

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
        del number, key
        target = ddpg_target(agent, params, seen)
        critics, error, _ = descend(
            lambda p: (critic_loss(agent.critics, p, seen, target), None),
            params.critics,
            values["learning_rate"],
        )
        params = params._replace(critics=critics)
        params, loss = improve(agent, params, seen.observation, values["learning_rate"])
        told: Metrics = {"critic_loss": mean(error), "actor_loss": mean(loss)}
        return track(params, values["target_rate"]), told

    return Algorithm(agent.init, policy, learn)

"""Deep deterministic policy gradient (DDPG): an actor that climbs the value of one critic.

Source: Lillicrap et al. 2016, "Continuous control with deep reinforcement learning"
(arXiv 1509.02971), algorithm 1; with normal noise for exploration, which Fujimoto et al. 2018
(arXiv 1802.09477, section 6.1) found to be as good as the correlated noise of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import jax

from research.engine.experiment import Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.optimization.descent import descend
from research.options.ranges import POSITIVE
from research.rl.actor_critic import adam, critic_loss
from research.rl.deterministic import (
    Deterministic,
    DeterministicParams,
    improve,
    networks,
    track,
)
from research.rl.distributions import Gaussian
from research.rl.environments.environment import Environment
from research.rl.off_policy import ActorCritic, Algorithm
from research.rl.replay import Transition


@dataclass(frozen=True)
class DDPG(ActorCritic):
    """Options of DDPG."""

    exploration_deviation: Annotated[float, "of the noise on actions, from -1 to 1", POSITIVE] = 0.1

    def algorithm(self, environment: Environment) -> Algorithm:
        """One critic, and an actor that learns from every minibatch."""
        return ddpg(networks(environment, self.hidden, critics=1))


def ddpg_target(agent: Deterministic, params: DeterministicParams, batch: Transition) -> jax.Array:
    """R + γ Q'(s', π'(s')), float32 `[batch]` (algorithm 1)."""
    following = agent.action(params.target_actor, batch.final_observation)
    (value,) = agent.critics.apply(params.target_critics, batch.final_observation, following)
    return batch.reward + batch.discount * value


def ddpg(agent: Deterministic) -> Algorithm:
    """DDPG of these networks."""

    def policy(
        params: DeterministicParams, observation: jax.Array, values: Hyperparameters
    ) -> Gaussian:
        return agent.explore(params, observation, values["exploration_deviation"])

    def learn(
        params: DeterministicParams,
        batch: Transition,
        number: jax.Array,
        values: Hyperparameters,
        key: Key,
    ) -> tuple[DeterministicParams, Metrics]:
        del number, key
        target = ddpg_target(agent, params, batch)
        critics, error = descend(
            lambda p: critic_loss(agent.critics, p, batch, target),
            params.critics,
            adam(values["learning_rate"]),
        )
        params = params._replace(critics=critics)
        params, loss = improve(agent, params, batch.observation, values["learning_rate"])
        metrics: Metrics = {"critic_loss": mean(error), "actor_loss": mean(loss)}
        return track(params, values["target_rate"]), metrics

    return Algorithm(agent.init, policy, learn)

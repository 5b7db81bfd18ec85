"""Deep deterministic policy gradient (DDPG): an actor that climbs the value of one critic.

Source: Lillicrap et al. 2016, "Continuous control with deep reinforcement learning"
(arXiv 1509.02971), algorithm 1; with normal noise for exploration, which Fujimoto et al. 2018
(arXiv 1802.09477, section 6.1) found to be as good as the correlated noise of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Hyperparameters, Key
from research.engine.metrics import Metrics, mean
from research.optimization.descent import Trained, descend, polyak
from research.options.ranges import POSITIVE
from research.rl.actor_critic import Critics, Perceptron, adam, critic_loss, init_actor_and_critics
from research.rl.distributions import Gaussian
from research.rl.environments.interface import Environment
from research.rl.off_policy import ActorCritic, Algorithm
from research.rl.replay_buffer import Transition


class DeterministicParams(NamedTuple):
    """All that learns, and the target networks.

    Attributes:
        actor: gives actions before tanh.
        critics: one or more.
        target_actor: parameters of the target network π'.
        target_critics: parameters of the target networks Q'.
    """

    actor: Trained
    critics: Trained
    target_actor: Any
    target_critics: Any


class Deterministic(NamedTuple):
    """The networks.

    Attributes:
        environment: with actions from -1 to 1.
        actor: observations -> `[..., dimensions]`.
        critics: observations, actions -> `[critics, ...]`.
    """

    environment: Environment
    actor: Perceptron
    critics: Critics

    def init(self, key: Key, values: Hyperparameters) -> DeterministicParams:
        """Parameters, with targets that are copies."""
        optimizer = adam(values["learning_rate"])
        actor, critics = init_actor_and_critics(
            self.environment, self.actor, self.critics, optimizer, key
        )
        # Their own buffers: the state is donated, and no buffer can be donated twice.
        targets = jax.tree.map(jnp.copy, (actor.params, critics.params))
        return DeterministicParams(actor, critics, *targets)

    def action(self, params: Any, observation: jax.Array) -> jax.Array:
        """π(s), float32 `[..., dimensions]` from -1 to 1, for observations `[..., features]`."""
        return jnp.tanh(self.actor.apply(params, observation))

    def policy(
        self, params: DeterministicParams, observation: jax.Array, values: Hyperparameters
    ) -> Gaussian:
        """π(s) and normal noise of the standard deviation `exploration_deviation`."""
        action = self.action(params.actor.params, observation)
        deviation = jnp.log(values["exploration_deviation"])
        return Gaussian(action, jnp.broadcast_to(deviation, action.shape))


def networks(environment: Environment, units: tuple[int, ...], critics: int) -> Deterministic:
    """The networks for an environment whose actions are from -1 to 1."""
    dimensions = len(environment.bounds.low)
    return Deterministic(environment, Perceptron(units, dimensions), Critics(units, critics))


def improve(
    agent: Deterministic,
    params: DeterministicParams,
    observation: jax.Array,
    learning_rate: jax.Array,
) -> tuple[DeterministicParams, jax.Array]:
    """One step of the actor up the first critic's value of its actions, and the loss.

    Source: Silver et al. 2014, theorem 1; Lillicrap et al. 2016 (arXiv 1509.02971), eq. 6.
    """

    def loss(actor: Any) -> jax.Array:
        action = agent.action(actor, observation)
        return -jnp.mean(agent.critics.apply(params.critics.params, observation, action)[0])

    actor, value = descend(loss, params.actor, adam(learning_rate))
    return params._replace(actor=actor), value


def track(params: DeterministicParams, rate: jax.Array) -> DeterministicParams:
    """Both targets a step nearer to what they follow."""
    learned = params.actor.params, params.critics.params
    targets = polyak(learned, (params.target_actor, params.target_critics), rate)
    return DeterministicParams(params.actor, params.critics, *targets)


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

    return Algorithm(agent.init, agent.policy, learn)

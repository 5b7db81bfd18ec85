"""Advantage actor-critic (Mnih et al. 2016, arXiv 1602.01783), its actors all in step.

Every environment is played for a few steps; then the policy π and the value function V make one
step along the gradient of

    log π(a|s) A - value_weight (V(s) - V_target)² + entropy_weight H(π(·|s)),

with A the generalised advantage (λ = 1: n-step returns, as in algorithm S3 of the paper) and
V_target = A + V(s), both constants, averaged over all steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.engine.groups import of_all_groups
from research.engine.metrics import Metrics, mean
from research.optimization.descent import Trained, clipped, with_learning_rate
from research.options.ranges import Since
from research.rl import losses
from research.rl.advantages import Examples, memoryless_learner
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment
from research.rl.minibatches import descend_over_groups
from research.rl.network import PolicyAndValue, make_network
from research.rl.on_policy import ActorCritic, ActorCriticState, make_actor_critic, remaining_share


@dataclass(frozen=True)
class A2C(ActorCritic):
    """Options of advantage actor-critic."""

    normalise_observations: Annotated[
        bool, "observations get mean 0 and deviation 1", Since(False)
    ] = False
    normalise_rewards: Annotated[
        bool, "rewards are divided by the deviation of returns", Since(False)
    ] = False
    normalise_advantages: Annotated[bool, "to mean 0 and deviation 1 in each update"] = False

    def smoke(self) -> Self:
        """Thirty small updates."""
        small = replace(self, environments=8, rollout_steps=5, units=16, evaluation_episodes=4)
        return replace(small, environment_steps=30 * 8 * 5)

    def make(self) -> Experiment:
        """Advantage actor-critic in the chosen environment."""
        return make_a2c(make_environment(self.environment), self)


RMSPROP = optax.scale_by_rms(decay=0.99, eps=1e-5, initial_scale=1.0)
"""As in section 4 of the paper."""


def make_a2c(environment: Environment, config: A2C) -> Experiment:
    """Advantage actor-critic in `environment`: one update is one rollout and one gradient step."""
    network = make_network(environment, config.hidden, config.channels)

    def learn(state: ActorCriticState, examples: Examples, key: Key) -> tuple[Trained, Metrics]:
        values = state.hyperparameters
        if config.normalise_advantages:
            advantage = of_all_groups(
                lambda: losses.normalise(examples.advantage), config.groups, key
            )
            examples = examples._replace(advantage=advantage)
        rate = remaining_share(config, state.updates) * values["learning_rate"]
        trained, parts = descend_over_groups(
            lambda params, part: a2c_loss(network, params, part, values),
            Trained(state.params, state.opt_state),
            with_learning_rate(clipped(RMSPROP, values), rate),
            config.groups,
            examples,
            key,
        )
        return trained, {name: mean(value) for name, value in parts.items()}

    return make_actor_critic(environment, config, memoryless_learner(network), RMSPROP, learn)


def a2c_loss(
    network: PolicyAndValue, params: Any, examples: Examples, hyperparameters: Hyperparameters
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective, negated, on the examples of a group, and its parts, scalars by name."""
    dist, value = network.apply(params, examples.observation)
    log_probability = dist.log_probability(examples.action)
    policy_loss = jnp.mean(losses.policy_gradient(log_probability, examples.advantage))
    value_loss = jnp.mean(losses.value_error(value, examples.target))
    entropy = jnp.mean(dist.entropy())
    loss = (
        policy_loss
        + hyperparameters["value_weight"] * value_loss
        - hyperparameters["entropy_weight"] * entropy
    )
    parts = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
    return loss, {"loss": loss} | parts

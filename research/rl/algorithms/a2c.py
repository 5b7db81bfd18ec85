"""Advantage actor-critic (Mnih et al. 2016, arXiv 1602.01783), its actors all in step.

Every environment is played for a few steps; then the policy π and the value function V make one
step along the gradient of

    log π(a|s) A - value_weight (V(s) - V_target)² + entropy_weight H(π(·|s)),

with A the generalised advantage (λ = 1: n-step returns, as in algorithm S3 of the paper) and
V_target = A + V(s), both constants, averaged over all steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, of_all_groups, over_groups, split
from research.engine.metrics import Metrics, mean
from research.options.ranges import AMOUNT, Range, Since
from research.rl import losses
from research.rl.acting import make_acting
from research.rl.agent import reactive
from research.rl.descent import descend_over_groups
from research.rl.distributions import Distribution
from research.rl.environments.actions import clip_actions
from research.rl.environments.environment import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.examples import Examples, finished, make_examples
from research.rl.network import HiddenLayers, PolicyAndValue, make_network
from research.rl.normalisation import (
    Statistics,
    merge_seen,
    merge_statistics,
    no_statistics,
    normalise,
    normalise_observations,
    statistics_of,
    up_to_rollout,
)
from research.rl.on_policy import Rollouts, unfit_to_normalise
from research.rl.policy import memoryless
from research.rl.rollout import Episodes, collect, start


@dataclass(frozen=True)
class A2C(HiddenLayers, Rollouts):
    """What can be chosen of advantage actor-critic."""

    normalise_observations: Annotated[
        bool, "to mean 0 and deviation 1, by all seen", Since(False)
    ] = False
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns", Since(False)] = (
        False
    )
    normalise_advantages: Annotated[bool, "to mean 0 and deviation 1 in each update"] = False
    gae_lambda: Annotated[
        float, "decay of the advantage's trace; 1 is n-step returns", Range(0, 1)
    ] = 1.0
    entropy_weight: Annotated[float, "weight of the policy's entropy", AMOUNT] = 0.0
    value_weight: Annotated[float, "weight of the value function's squared error", AMOUNT] = 0.5

    def problems(self) -> list[str]:
        """Where the environment does not fit."""
        found = unfit(self.environment, image=self.channels > 0 or None) + super().problems()
        return found + unfit_to_normalise(self.environment, self.normalise_observations)

    def smoke(self) -> Self:
        """Thirty small updates."""
        small = replace(self, environments=8, rollout_steps=5, units=16, evaluation_episodes=4)
        return replace(small, environment_steps=30 * 8 * 5)

    def make(self) -> Experiment:
        """Advantage actor-critic in the chosen environment."""
        return make_a2c(make_environment(self.environment), self)


class A2CState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: the network's parameters.
        opt_state: optax's state.
        hyperparameters: name -> float32 scalar.
        episodes: the environments in mid-episode.
        updates: int32 scalar, updates made.
        statistics: of what was seen in all rollouts so far.
        running: float32 `[environments]`, discounted rewards of the running episodes; None where
            rewards are not normalised.
    """

    params: Any
    opt_state: optax.OptState
    hyperparameters: Hyperparameters
    episodes: Episodes
    updates: jax.Array
    statistics: Statistics
    running: jax.Array | None


def make_a2c(environment: Environment, config: A2C) -> Experiment:
    """Advantage actor-critic in `environment`: one update is one rollout and one gradient step.

    Observations are normalised by what was seen in earlier rollouts, rewards by that and what the
    environments of a group brought in this one.

    Args:
        environment: where; vectors beyond the bounds of its actions are clipped to them.
        config: what was chosen.
    """
    environment = clip_actions(environment)
    network = make_network(environment, config.hidden, config.channels)

    def init(key: Key, hyperparameters: Hyperparameters) -> A2CState:
        params_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, config.environments)
        params = network.init(params_key, jnp.zeros_like(episodes.observations[0]))
        return A2CState(
            params=params,
            opt_state=_transformation(hyperparameters).init(params),
            hyperparameters=hyperparameters,
            episodes=episodes,
            updates=jnp.int32(0),
            statistics=no_statistics(
                environment.observation_shape,
                config.normalise_observations,
                config.normalise_rewards,
            ),
            running=jnp.zeros(config.environments) if config.normalise_rewards else None,
        )

    def policy(state: A2CState, observations: jax.Array) -> Distribution:
        seen = normalise_observations(observations, state.statistics.observations)
        said: Distribution = network.apply(state.params, seen, method="policy")
        return said

    def update(state: A2CState, batch: Batch, key: Key) -> tuple[A2CState, Metrics]:
        del batch
        rollout_key, learn_key = jax.random.split(key)
        values = state.hyperparameters

        def play(part: tuple[Episodes, jax.Array | None], key: Key) -> tuple[Any, Any]:
            episodes, running = part
            episodes, trajectory = collect(
                environment,
                memoryless(lambda seen: policy(state, seen)),
                episodes,
                key,
                config.rollout_steps,
            )
            statistics, running = statistics_of(
                trajectory, config.normalise_observations, running, values["discount"]
            )
            normal = normalise(trajectory, up_to_rollout(state.statistics, statistics))
            examples = make_examples(network, state.params, normal, values)
            return (finished(trajectory), statistics), (episodes, running, examples)

        (ended, statistics), (episodes, running, examples) = over_groups(
            play,
            config.groups,
            split((state.episodes, state.running), config.groups),
            rollout_key,
            merge_seen,
        )
        if config.normalise_advantages:
            advantage = of_all_groups(
                lambda: losses.normalised(examples.advantage), config.groups, learn_key
            )
            examples = examples._replace(advantage=advantage)
        left = 1.0 - state.updates / config.updates if config.anneal else jnp.float32(1.0)
        gradient_of = jax.grad(a2c_loss, argnums=1, has_aux=True)
        (params, opt_state), parts = descend_over_groups(
            lambda params, part: gradient_of(network, params, part, values),
            _transformation(values),
            left * values["learning_rate"],
            config.groups,
            (state.params, state.opt_state),
            examples,
            learn_key,
        )
        state = A2CState(
            params=params,
            opt_state=opt_state,
            hyperparameters=values,
            episodes=join(episodes),
            updates=state.updates + 1,
            statistics=merge_statistics(state.statistics, statistics),
            running=join(running),
        )
        return state, {name: mean(value) for name, value in parts.items()} | ended

    return make_acting(
        reactive(environment, policy),
        init,
        update,
        updates=config.updates,
        items_per_update=config.rollout_size,
        evaluation_episodes=config.evaluation_episodes,
        groups=config.groups,
    )


def a2c_loss(
    network: PolicyAndValue, params: Any, examples: Examples, hyperparameters: Hyperparameters
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective, negated, on all examples of a group, and its parts.

    Args:
        network: policy and value function.
        params: its parameters.
        examples: leaves `[batch, ...]`.
        hyperparameters: `value_weight` and `entropy_weight`.
    """
    said, value = network.apply(params, examples.observation)
    log_probability = said.log_probability(examples.action)
    policy_loss = jnp.mean(losses.policy_gradient(log_probability, examples.advantage))
    value_loss = jnp.mean(losses.value_error(value, examples.target))
    entropy = jnp.mean(said.entropy())
    loss = (
        policy_loss
        + hyperparameters["value_weight"] * value_loss
        - hyperparameters["entropy_weight"] * entropy
    )
    parts = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
    return loss, {"loss": loss} | parts


def _transformation(hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    """RMSProp as in section 4 of the paper, after clipping."""
    clip = optax.clip_by_global_norm(hyperparameters["max_gradient_norm"])
    return optax.chain(clip, optax.scale_by_rms(decay=0.99, eps=1e-5, initial_scale=1.0))

"""REINFORCE (Williams 1992, doi 10.1007/BF00992696), with or without a learned baseline.

Whole episodes are played, each from its first step to its last. With the returns

    G_t = r_t + γ r_{t+1} + γ² r_{t+2} + …

the policy makes one step along the gradient of log π(a_t|s_t) (G_t - V(s_t)), averaged over all
steps of all episodes. V is 0, or a baseline: a value function that learns by (V(s_t) - G_t)². What
stands in the bracket can be normalised over these steps.

A time limit is no end. With a baseline, its value where the limit struck stands for what would have
followed; without one nothing can, and G_t is what was paid until the limit. The factor γ^t of the
exact gradient of the discounted return is left out, as is usual.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import of_all_groups, over_groups, split
from research.engine.metrics import Metrics, count, maximum, mean, merge
from research.optimization.descent import Trained, clipped, with_learning_rate
from research.options.ranges import AMOUNT
from research.rl import losses
from research.rl.acting import make_acting
from research.rl.advantages import advantages_in
from research.rl.distributions import Distribution
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.environments.wrappers import clip_actions
from research.rl.minibatches import descend_over_groups
from research.rl.network import HiddenLayers, PolicyAndValue, make_network
from research.rl.on_policy import OnPolicy
from research.rl.policy import memoryless, reactive
from research.rl.rollout import Episodes, Trajectory, collect, start


@dataclass(frozen=True)
class Reinforce(HiddenLayers, OnPolicy):
    """Options of REINFORCE."""

    episodes: Annotated[int, "whole episodes in all environments together", AMOUNT] = 2400
    baseline: Annotated[bool, "learn V(s) and take it from the returns"] = False
    normalise_returns: Annotated[bool, "to mean 0 and deviation 1 in each update"] = True
    value_weight: Annotated[float, "weight of the value function's squared error", AMOUNT] = 0.5

    @property
    def updates(self) -> int:
        """Gradient steps in a whole run."""
        return self.episodes // self.environments

    def problems(self) -> list[str]:
        """An environment that does not fit."""
        return unfit(self.environment, image=self.channels > 0 or None) + super().problems()

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(self, environments=2, units=8, episodes=60, evaluation_episodes=2)

    def make(self) -> Experiment:
        """REINFORCE in the chosen environment."""
        return make_reinforce(make_environment(self.environment), self)


class ReinforceState(NamedTuple):
    """All that the next update depends on: no episode lasts longer than one.

    Attributes:
        environment_steps: int32 scalar, steps of all episodes so far.
    """

    params: Any
    opt_state: optax.OptState
    hyperparameters: Hyperparameters
    environment_steps: jax.Array


class Steps(NamedTuple):
    """Examples, leaves `[batch, ...]`.

    Attributes:
        observation: `[batch, *observation_shape]`.
        action: int32 `[batch]`, or float32 `[batch, dimensions]`.
        advantage: float32 `[batch]`, G - V, or G without a baseline.
        target: float32 `[batch]`, what the baseline should be: G.
        weight: float32 `[batch]`, how much a step counts: 0 where its episode was over before.
    """

    observation: jax.Array
    action: jax.Array
    advantage: jax.Array
    target: jax.Array
    weight: jax.Array


ADAM = optax.scale_by_adam(eps=1e-5)


def make_reinforce(environment: Environment, config: Reinforce) -> Experiment:
    """REINFORCE in `environment`: one update is one episode of each, and one gradient step.

    Vectors beyond the bounds of its actions are clipped to them.
    """
    environment = clip_actions(environment)
    network = make_network(environment, config.hidden, config.channels)

    def init(key: Key, hyperparameters: Hyperparameters) -> ReinforceState:
        observation = jax.eval_shape(environment.reset, key)[1]
        zeros = jnp.zeros(observation.shape, observation.dtype)
        # Without a baseline the value function has no parameters: it is never used.
        params = network.init(key, zeros, method=None if config.baseline else "policy")
        return ReinforceState(
            params=params,
            opt_state=clipped(ADAM, hyperparameters).init(params),
            hyperparameters=hyperparameters,
            environment_steps=jnp.int32(0),
        )

    def policy(params: Any, observations: jax.Array) -> Distribution:
        dist: Distribution = network.apply(params, observations, method="policy")
        return dist

    def update(state: ReinforceState, batch: Batch, key: Key) -> tuple[ReinforceState, Metrics]:
        del batch
        start_key, play_key, learn_key = jax.random.split(key, 3)
        values = state.hyperparameters

        def play(episodes: Episodes, key: Key) -> tuple[Metrics, Steps]:
            _, trajectory = collect(
                environment,
                memoryless(partial(policy, state.params)),
                episodes,
                key,
                environment.longest_episode,
            )
            first = first_episodes(trajectory)
            steps = make_steps(network, config.baseline, state.params, trajectory, values)
            return _played(trajectory, first), steps

        fresh = split(start(environment, start_key, config.environments), config.groups)
        played, steps = over_groups(play, config.groups, fresh, play_key, merge)
        counted = steps.weight > 0

        def weigh() -> tuple[jax.Array, jax.Array]:
            advantage = steps.advantage
            if config.normalise_returns:
                advantage = losses.normalise(advantage, counted)
            # So that a mean over all entries is one over the steps that count.
            return advantage, steps.weight / jnp.mean(steps.weight)

        advantage, weight = of_all_groups(weigh, config.groups, learn_key)
        steps = steps._replace(advantage=advantage, weight=weight)
        trained, parts = descend_over_groups(
            lambda params, part: reinforce_loss(network, config.baseline, params, part, values),
            Trained(state.params, state.opt_state),
            with_learning_rate(clipped(ADAM, values), values["learning_rate"]),
            config.groups,
            steps,
            learn_key,
        )
        total = state.environment_steps + jnp.sum(counted.astype(jnp.int32))
        state = ReinforceState(*trained, values, total)
        return state, {name: mean(value) for name, value in parts.items()} | played

    def act(state: ReinforceState, observations: jax.Array) -> Distribution:
        return policy(state.params, observations)

    def count_steps(state: ReinforceState) -> Metrics:
        return {"environment_steps": mean(state.environment_steps)}

    return make_acting(
        config,
        reactive(environment, act),
        init,
        update,
        config.environments,
        items="episodes",
        groups=config.groups,
        more=count_steps,
    )


def first_episodes(trajectory: Trajectory) -> jax.Array:
    """Whether a step belongs to the first episode of its environment, bool `[time, environments]`.

    Only those count: of the episodes that end in a stretch of time, more are short than should be.
    """
    ended = trajectory.ended.astype(jnp.int32)
    return jnp.cumsum(ended, axis=0) - ended == 0


def make_steps(
    network: PolicyAndValue,
    baseline: bool,
    params: Any,
    trajectory: Trajectory,
    hyperparameters: Hyperparameters,
) -> Steps:
    """Turns `[time, environments]` steps, from fresh episodes on, into examples `[batch, ...]`.

    With a `baseline` the value function is used.
    """
    value = final_value = jnp.zeros_like(trajectory.reward)
    if baseline:
        both = jnp.stack([trajectory.observation, trajectory.final_observation])
        value, final_value = network.apply(params, both, method="value")
    # With λ = 1 all values but the first, and that at a time limit, cancel: G - V.
    discount = hyperparameters["discount"]
    advantage = advantages_in(trajectory, value, final_value, discount, 1.0)
    steps = Steps(
        observation=trajectory.observation,
        action=trajectory.action,
        advantage=advantage,
        target=advantage + value,
        weight=first_episodes(trajectory).astype(jnp.float32),
    )
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), steps)


def reinforce_loss(
    network: PolicyAndValue,
    baseline: bool,
    params: Any,
    steps: Steps,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective, negated, on the steps of a group, and its parts, scalars by name.

    The mean of the steps' weights over all groups is 1. With a `baseline` the value function
    learns.
    """
    dist = network.apply(params, steps.observation, method="policy")
    log_probability = dist.log_probability(steps.action)
    each = losses.policy_gradient(log_probability, steps.advantage)
    policy_loss = loss = jnp.mean(steps.weight * each)
    parts = {"policy_loss": policy_loss, "entropy": jnp.mean(steps.weight * dist.entropy())}
    if baseline:
        value = network.apply(params, steps.observation, method="value")
        value_loss = jnp.mean(steps.weight * losses.value_error(value, steps.target))
        parts["value_loss"] = value_loss
        loss = policy_loss + hyperparameters["value_weight"] * value_loss
    return loss, {"loss": loss} | parts


def _played(trajectory: Trajectory, first: jax.Array) -> Metrics:
    """Metrics of the first episodes."""
    last = first & trajectory.ended
    return {
        "episode_return": mean(trajectory.episode_return, last),
        "episodes": count(last),
        "environment_steps": count(first),
        "longest_episode": maximum(trajectory.episode_length, where=last),
    }

"""MuZero (Schrittwieser et al. 2020, arXiv 1911.08265) with Gumbel's search, without a replay.

Many environments are played for some steps, each action found by a search in a model that was
learned: a representation h, dynamics g and a prediction f. A search comes to an improved policy π
and a value ν. The model then learns from all of these steps, in minibatches, a few times over: from
each state on it imagines the steps that were taken, and is to predict their rewards, the returns z
that followed, and π. Then they are forgotten.

Returns z are TD(λ) returns of the values ν. A model of a random process predicts means: what is
imagined is a plan that does not look at where it has led.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, mean, merge
from research.options.ranges import COUNT, FRACTION, POSITIVE, Range
from research.rl.acting import make_acting
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.exploration import exploration_rate
from research.rl.learned_model import (
    LearnedModel,
    Prediction,
    Unrolled,
    model_loss,
    search_returns,
    unroll,
)
from research.rl.network import features
from research.rl.on_policy import Minibatches, OnPolicyState, begin, learn_in_minibatches
from research.rl.policy import Agent, Memory, Policy
from research.rl.rollout import Episodes, Trajectory, episode_metrics, step_all
from research.rl.tree_search import SearchResult, search


@dataclass(frozen=True)
class MuZero(Minibatches):
    """Options of MuZero."""

    simulations: Annotated[int, "nodes of the tree that an action is found by", COUNT] = 4
    unroll_steps: Annotated[int, "steps that the model imagines where it learns", COUNT] = 3
    units: Annotated[int, "units of each hidden layer", COUNT] = 64
    latent_units: Annotated[int, "units of a latent state", Range(2)] = 64
    discount: Annotated[float, "weight of the next step's value", FRACTION] = 0.99
    return_lambda: Annotated[
        float, "decay of the return's trace; 0 looks one step ahead", Range(0, 1)
    ] = 0.5
    reward_scale: Annotated[
        float, "what rewards are multiplied by before they are learned", POSITIVE
    ] = 10.0
    value_scale: Annotated[float, "how much the values that a search finds weigh", POSITIVE] = 0.1
    value_weight: Annotated[
        float, "of errors of values and rewards, beside the policy's", POSITIVE
    ] = 1.0
    epsilon: Annotated[float, "share of random actions in the end", Range(0, 1)] = 0.1
    exploration_fraction: Annotated[
        float, "of the run, until epsilon has fallen from 1", Range(0, 1)
    ] = 0.8
    smoothing: Annotated[
        float, "share of all actions alike in the policy that is learned", FRACTION
    ] = 0.1

    def problems(self) -> list[str]:
        """An environment that does not fit, or a rollout that does not divide."""
        return unfit(self.environment, continuous=False, image=False) + super().problems()

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), units=16, latent_units=8, unroll_steps=2)

    def make(self) -> Experiment:
        """MuZero in the chosen environment."""
        return make_muzero(make_environment(self.environment), self)


class Planner(NamedTuple):
    """A model, and how it is searched.

    Attributes:
        environment: where it acts.
        model: the learned model.
        simulations: nodes of a tree.
    """

    environment: Environment
    model: LearnedModel
    simulations: int

    def predict(self, params: Any, observations: jax.Array) -> Prediction:
        """Of observations `[batch, *observation_shape]`, without a search."""
        inputs = features(observations, self.environment.states)
        return self.model.apply(params, inputs, method="initial_inference")

    def search(
        self,
        params: Any,
        observations: jax.Array,
        key: Key,
        values: Hyperparameters,
        gumbel_scale: float,
    ) -> SearchResult:
        """Searches from observations `[batch, *observation_shape]`."""
        return search(
            self.predict(params, observations),
            partial(self.model.apply, params, method="recurrent_inference"),
            key,
            values["discount"],
            self.simulations,
            gumbel_scale,
            values["value_scale"],
        )

    def policy(self, params: Any, values: Hyperparameters) -> Policy:
        """Acts by searches without noise: the same each time."""
        dimensions = len(self.environment.observation_shape)

        def act(memory: Memory, observations: jax.Array) -> tuple[Memory, SearchResult]:
            leading = observations.shape[: observations.ndim - dimensions]
            flat = observations.reshape(-1, *self.environment.observation_shape)
            # Of no consequence: the noise drawn with it is multiplied by 0.
            key = jax.random.key(0)
            result = self.search(params, flat, key, values, gumbel_scale=0.0)
            return memory, jax.tree.map(
                lambda leaf: leaf.reshape(*leading, *leaf.shape[1:]), result
            )

        return Policy(act)


ADAM = optax.scale_by_adam()
"""Kingma & Ba 2015 (arXiv 1412.6980)."""


def make_muzero(environment: Environment, config: MuZero) -> Experiment:
    """MuZero in `environment`: one update is one rollout and all gradient steps on it."""
    model = LearnedModel(environment.actions, config.units, config.latent_units)
    planner = Planner(environment, model, config.simulations)

    def init(key: Key, hyperparameters: Hyperparameters) -> OnPolicyState:
        def init_model(key: Key, observations: jax.Array) -> Any:
            return model.init(key, features(observations[:1], environment.states))

        return begin(environment, config, init_model, ADAM, key, hyperparameters)

    def update(state: OnPolicyState, batch: Batch, key: Key) -> tuple[OnPolicyState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)
        values = state.hyperparameters
        epsilon = exploration_rate(state.updates / config.updates, values)

        def play(episodes: Episodes, key: Key) -> tuple[Metrics, tuple[Episodes, Unrolled]]:
            episodes, trajectory, result = self_play(
                planner, state.params, episodes, key, config.rollout_steps, values, epsilon
            )
            examples = make_unrolled(
                planner, state.params, trajectory, result, config.unroll_steps, values
            )
            metrics = {"search_value": mean(result.nu), "entropy": mean(result.entropy())}
            return episode_metrics(trajectory) | metrics, (episodes, examples)

        ended, (episodes, examples) = over_groups(
            play, config.groups, split(state.episodes, config.groups), rollout_key, merge
        )
        trained, learning = learn_in_minibatches(
            config,
            state,
            examples,
            lambda params, part: model_loss(environment, model, params, part, values),
            ADAM,
            shuffle_key,
        )
        state = OnPolicyState(*trained, join(episodes), state.updates + 1, values)
        return state, learning | ended

    def policy(state: OnPolicyState) -> Policy:
        return planner.policy(state.params, state.hyperparameters)

    agent, groups = Agent(environment, policy), config.groups
    return make_acting(config, agent, init, update, config.rollout_size, groups=groups)


def self_play(
    planner: Planner,
    params: Any,
    episodes: Episodes,
    key: Key,
    steps: int,
    values: Hyperparameters,
    epsilon: jax.Array | float,
) -> tuple[Episodes, Trajectory, SearchResult]:
    """Acts for `steps` steps as searches with Gumbel's noise choose, now and then at random.

    Random actions, of which `epsilon` is the share, keep the model right where its policy no longer
    goes.

    Returns:
        The environments afterwards, what happened, and the result of each search, leaves
        `[time, environments, ...]`.
    """
    environments = episodes.episode_return.shape[0]
    search_key, chance_key, random_key, environment_key = jax.random.split(key, 4)
    shape = (steps, environments)
    astray = jax.random.uniform(chance_key, shape) < epsilon
    action = jax.random.randint(random_key, shape, 0, planner.environment.actions)
    keys = jax.random.split(environment_key, shape)

    def act(
        episodes: Episodes, drawn: tuple[Key, Key, jax.Array, jax.Array]
    ) -> tuple[Episodes, tuple[Trajectory, SearchResult]]:
        key, step_keys, astray, action = drawn
        result = planner.search(params, episodes.observations, key, values, gumbel_scale=1.0)
        action = jnp.where(astray, action, result.action)
        episodes, step = step_all(planner.environment, episodes, action, step_keys)
        return episodes, (step, result)

    drawn = (jax.random.split(search_key, steps), keys, astray, action)
    episodes, (trajectory, result) = jax.lax.scan(act, episodes, drawn)
    return episodes, trajectory, result


def make_unrolled(
    planner: Planner,
    params: Any,
    trajectory: Trajectory,
    result: SearchResult,
    steps: int,
    values: Hyperparameters,
) -> Unrolled:
    """Turns `[time, environments]` steps into examples, with the parameters that acted.

    Args:
        planner: whose model learns.
        params: of its model.
        trajectory: leaves `[time, environments, ...]`.
        result: of each search.
        steps: that are imagined.
        values: `discount`, `return_lambda`, `reward_scale` and `smoothing`.

    Returns:
        Leaves `[time * environments, ...]`.
    """
    trajectory = trajectory._replace(reward=values["reward_scale"] * trajectory.reward)
    final = trajectory.final_observation
    cut_value = planner.predict(params, final.reshape(-1, *final.shape[2:])).value
    z = search_returns(
        trajectory,
        result.nu,
        cut_value.reshape(result.nu.shape),
        values["discount"],
        values["return_lambda"],
    )
    share = values["smoothing"]
    pi = (1.0 - share) * jax.nn.softmax(result.pi.logits)
    pi = pi + share / planner.environment.actions
    return unroll(trajectory, pi, z, steps)

"""MuZero (Schrittwieser et al. 2020, arXiv 1911.08265) with Gumbel's search, without a replay.

Many environments are played for some steps, each action found by a search in a model that was
learned. The model then learns from all of these steps, in minibatches, a few times over: from each
state on it imagines the steps that were taken, and is to tell their rewards, the returns that
followed, and what the searches advised. Then they are forgotten.

Returns are TD(λ) returns of the searches' values. A model of a random process tells means: what is
imagined is a plan that does not look at where it has led.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, mean, merge
from research.rl.acting import make_acting
from research.rl.agent import Agent
from research.rl.descent import descend_over_groups
from research.rl.environments.environment import Environment
from research.rl.examples import finished
from research.rl.exploration import exploration_rate
from research.rl.learned_model import LearnedModel, Outlook
from research.rl.minibatches import shuffled_minibatches, take
from research.rl.policy import Memory, Policy
from research.rl.q_network import features
from research.rl.rollout import Episodes, Trajectory, start, step_all
from research.rl.search import Advice, search
from research.rl.unrolling import Unrolled, model_loss, search_returns, unroll


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops.

    Attributes:
        environments: environments that are stepped together.
        rollout_steps: steps in each of them between two updates.
        simulations: nodes of the tree that an action is found by.
        unroll_steps: steps that the model imagines where it learns.
        epochs: passes over a rollout.
        minibatch_size: examples in one gradient step; divides environments * rollout_steps.
        updates: rollouts in a whole run.
        units: of each hidden layer.
        latent_units: numbers that stand for a state.
        groups: equal parts of the environments, and of each minibatch, which devices can share.
        anneal: whether the learning rate falls linearly to 0 over the run.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    environments: int
    rollout_steps: int
    simulations: int
    unroll_steps: int
    epochs: int
    minibatch_size: int
    updates: int
    units: int = 64
    latent_units: int = 64
    groups: int = 1
    anneal: bool = True
    evaluation_episodes: int = 64


class MuZeroState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: the model's parameters.
        opt_state: optax's state.
        episodes: the environments in mid-episode.
        updates: int32 scalar, updates made.
        hyperparameters: name -> float32 scalar.
    """

    params: Any
    opt_state: optax.OptState
    episodes: Episodes
    updates: jax.Array
    hyperparameters: Hyperparameters


class Planner(NamedTuple):
    """A model, and how it is searched.

    Attributes:
        environment: where it acts.
        model: what is learned.
        simulations: nodes of a tree.
    """

    environment: Environment
    model: LearnedModel
    simulations: int

    def outlook(self, params: Any, observations: jax.Array) -> Outlook:
        """What is believed of observations `[batch, *observation_shape]`, without a search."""
        given = features(self.environment, observations)
        return self.model.apply(params, given, method="represent")

    def advise(
        self,
        params: Any,
        observations: jax.Array,
        key: Key,
        values: Hyperparameters,
        gumbel_scale: float,
    ) -> Advice:
        """What searches from observations `[batch, *observation_shape]` come to."""
        return search(
            self.outlook(params, observations),
            lambda latent, action: self.model.apply(params, latent, action, method="imagine"),
            key,
            values["discount"],
            self.simulations,
            gumbel_scale,
            values["value_scale"],
        )

    def policy(self, params: Any, values: Hyperparameters) -> Policy:
        """Acts by searches without noise: the same each time."""
        dimensions = len(self.environment.observation_shape)

        def act(memory: Memory, observations: jax.Array) -> tuple[Memory, Advice]:
            leading = observations.shape[: observations.ndim - dimensions]
            flat = observations.reshape(-1, *self.environment.observation_shape)
            # Of no consequence: what is drawn with it is multiplied by 0.
            key = jax.random.key(0)
            advice = self.advise(params, flat, key, values, gumbel_scale=0.0)
            return memory, jax.tree.map(
                lambda leaf: leaf.reshape(*leading, *leaf.shape[1:]), advice
            )

        return Policy(act)


def make_muzero(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """MuZero in `environment`: one update is one rollout and all gradient steps on it.

    Args:
        environment: where; its actions are numbers.
        sizes: shapes and loops.
        hyperparameters: `learning_rate`, `discount`, `return_lambda`, `reward_scale`,
            `value_scale`, `value_weight`, `max_gradient_norm`; `epsilon` (the
            last) and `exploration_fraction` (of the run, until then).
    """
    model = LearnedModel(environment.actions, sizes.units, sizes.latent_units)
    planner = Planner(environment, model, sizes.simulations)

    def init(key: Key, hyperparameters: Hyperparameters) -> MuZeroState:
        params_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, sizes.environments)
        params = model.init(params_key, features(environment, episodes.observations[:1]))
        return MuZeroState(
            params=params,
            opt_state=_transformation(hyperparameters).init(params),
            episodes=episodes,
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def update(state: MuZeroState, batch: Batch, key: Key) -> tuple[MuZeroState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)
        values = state.hyperparameters
        epsilon = exploration_rate(state.updates / sizes.updates, values)

        def play(episodes: Episodes, key: Key) -> tuple[Metrics, tuple[Episodes, Unrolled]]:
            episodes, trajectory, advice = self_play(
                planner, state.params, episodes, key, sizes.rollout_steps, values, epsilon
            )
            examples = make_unrolled(
                planner, state.params, trajectory, advice, sizes.unroll_steps, values
            )
            told = {"search_value": mean(advice.value), "entropy": mean(advice.entropy())}
            return finished(trajectory) | told, (episodes, examples)

        ended, (episodes, examples) = over_groups(
            play, sizes.groups, split(state.episodes, sizes.groups), rollout_key, merge
        )
        params, opt_state, learning = learn(planner, sizes, state, examples, shuffle_key)
        state = MuZeroState(params, opt_state, join(episodes), state.updates + 1, values)
        return state, learning | ended

    def policy(state: MuZeroState) -> Policy:
        return planner.policy(state.params, state.hyperparameters)

    return make_acting(
        Agent(environment, policy),
        init,
        update,
        updates=sizes.updates,
        items_per_update=sizes.environments * sizes.rollout_steps,
        evaluation_episodes=sizes.evaluation_episodes,
        hyperparameters=hyperparameters,
        groups=sizes.groups,
    )


def self_play(
    planner: Planner,
    params: Any,
    episodes: Episodes,
    key: Key,
    steps: int,
    values: Hyperparameters,
    epsilon: jax.Array | float,
) -> tuple[Episodes, Trajectory, Advice]:
    """Acts for `steps` steps as searches with Gumbel's noise choose, now and then at random.

    A model knows what was done: of what its policy no longer does it would believe anything.

    Args:
        planner: what is searched.
        params: of its model.
        episodes: the environments as they stand.
        key: for everything that is drawn.
        steps: how many.
        values: `discount` and `value_scale`.
        epsilon: the share of random actions.

    Returns:
        The environments afterwards, what happened, and what each search came to, leaves
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
    ) -> tuple[Episodes, tuple[Trajectory, Advice]]:
        key, step_keys, astray, action = drawn
        advice = planner.advise(params, episodes.observations, key, values, gumbel_scale=1.0)
        action = jnp.where(astray, action, advice.action)
        episodes, seen = step_all(planner.environment, episodes, action, step_keys)
        return episodes, (seen, advice)

    drawn = (jax.random.split(search_key, steps), keys, astray, action)
    episodes, (trajectory, advice) = jax.lax.scan(act, episodes, drawn)
    return episodes, trajectory, advice


def make_unrolled(
    planner: Planner,
    params: Any,
    trajectory: Trajectory,
    advice: Advice,
    steps: int,
    values: Hyperparameters,
) -> Unrolled:
    """Turns `[time, environments]` steps into examples, with the parameters that acted.

    Args:
        planner: whose model learns.
        params: of its model.
        trajectory: what happened.
        advice: of the searches.
        steps: that are imagined.
        values: `discount`, `return_lambda` and `reward_scale`.

    Returns:
        Leaves `[time * environments, ...]`.
    """
    trajectory = trajectory._replace(reward=values["reward_scale"] * trajectory.reward)
    final = trajectory.final_observation
    cut_value = planner.outlook(params, final.reshape(-1, *final.shape[2:])).value
    returns = search_returns(
        trajectory,
        advice.value,
        cut_value.reshape(advice.value.shape),
        values["discount"],
        values["return_lambda"],
    )
    share = values["smoothing"]
    policy = (1.0 - share) * jax.nn.softmax(advice.improved.logits)
    policy = policy + share / planner.environment.actions
    return unroll(trajectory, policy, returns, steps)


def learn(
    planner: Planner, sizes: Sizes, state: MuZeroState, examples: Unrolled, key: Key
) -> tuple[Any, optax.OptState, Metrics]:
    """All gradient steps on one rollout.

    Args:
        planner: whose model learns.
        sizes: `epochs`, `minibatch_size`, `groups`, and what a rollout and a run are.
        state: whose parameters learn.
        examples: leaves `[groups, batch / groups, ...]`.
        key: for the order of the minibatches.

    Returns:
        Parameters, the optimiser's state, and means over all gradient steps.
    """
    values = state.hyperparameters
    left = 1.0 - state.updates / sizes.updates if sizes.anneal else jnp.float32(1.0)
    gradient_of = jax.grad(model_loss, argnums=2, has_aux=True)

    def one_minibatch(carry: tuple, chosen: jax.Array) -> tuple[tuple, dict[str, jax.Array]]:
        return descend_over_groups(
            lambda params, part: gradient_of(
                planner.environment, planner.model, params, part, values
            ),
            _transformation(values),
            left * values["learning_rate"],
            sizes.groups,
            carry,
            take(examples, chosen),
            key,
        )

    batch = sizes.environments * sizes.rollout_steps
    chosen = shuffled_minibatches(key, batch, sizes.minibatch_size, sizes.epochs, sizes.groups)
    carry = (state.params, state.opt_state)
    (params, opt_state), parts = jax.lax.scan(one_minibatch, carry, chosen)
    return params, opt_state, {name: mean(told) for name, told in parts.items()}


def _transformation(values: Hyperparameters) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015, arXiv 1412.6980), after clipping."""
    clip = optax.clip_by_global_norm(values["max_gradient_norm"])
    return optax.chain(clip, optax.scale_by_adam())

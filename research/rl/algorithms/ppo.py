"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), environments included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, of_all_groups, over_groups, split
from research.engine.metrics import Metrics, mean
from research.rl import losses
from research.rl.acting import make_acting
from research.rl.agent import Agent
from research.rl.algorithms.ppo_loss import ppo_loss
from research.rl.descent import descend_over_groups
from research.rl.distributions import Distribution
from research.rl.environments.actions import clip_actions
from research.rl.environments.environment import Environment
from research.rl.examples import Examples, finished, make_examples
from research.rl.minibatches import shuffled_minibatches, take
from research.rl.network import ActingNetwork, PolicyAndValue, make_network
from research.rl.normalisation import (
    Moments,
    Statistics,
    merge_moments,
    merge_seen,
    merge_statistics,
    no_statistics,
    normalise,
    normalise_observations,
    statistics_of,
    up_to_rollout,
)
from research.rl.policy import Memory, Policy
from research.rl.rollout import Episodes, Trajectory, collect, start


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops.

    Attributes:
        environments: environments that are stepped together.
        rollout_steps: steps in each of them between two updates.
        epochs: passes over a rollout.
        minibatch_size: examples in one gradient step; divides environments * rollout_steps.
        units: units of each hidden layer of the policy, and of the value function.
        updates: rollouts in a whole run.
        channels: of a convolution before them, for images; 0 for none.
        groups: equal parts of the environments, and of each minibatch, which devices can share.
        anneal: whether learning rate and clip range fall linearly to 0 over the run.
        evaluation_episodes: episodes of either kind in one evaluation.
        normalise_observations: whether the networks see them with mean 0 and deviation 1.
        normalise_rewards: whether they are divided by the deviation of discounted returns.
        clip_values: whether the value function's error is `losses.clipped_value_error`.
    """

    environments: int
    rollout_steps: int
    epochs: int
    minibatch_size: int
    units: tuple[int, ...]
    updates: int
    channels: int = 0
    groups: int = 1
    anneal: bool = True
    evaluation_episodes: int = 64
    normalise_observations: bool = False
    normalise_rewards: bool = False
    clip_values: bool = False


class PPOState(NamedTuple):
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


class Learner(NamedTuple):
    """What acts and learns: all that differs between networks that remember and that do not.

    Attributes:
        network: shown `Examples.observation`, it says actions and values.
        init: (key, an observation) -> its parameters.
        act: (parameters, memory, observations `[..., *observation_shape]`) -> the memory
            afterwards, and distributions of actions.
        make_examples: (parameters, memory before the first step, trajectory, hyperparameters) ->
            examples, of each environment's step or of each environment.
        initial: the memory of one environment where an episode begins; None without memory.
    """

    network: ActingNetwork
    init: Callable[[Key, jax.Array], Any]
    act: Callable[[Any, Memory, jax.Array], tuple[Memory, Distribution]]
    make_examples: Callable[[Any, Memory, Trajectory, Hyperparameters], Examples]
    initial: Memory = None


def make_ppo(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """PPO in `environment` of a policy without memory; see `make_proximal`."""
    learner = memoryless_learner(make_network(environment, sizes.units, sizes.channels))
    return make_proximal(environment, sizes, hyperparameters, learner)


def memoryless_learner(network: PolicyAndValue) -> Learner:
    """What acts and learns by what is observed now."""

    def act(params: Any, memory: None, observations: jax.Array) -> tuple[None, Distribution]:
        return memory, network.apply(params, observations, method="policy")

    def examples(
        params: Any, memory: None, trajectory: Trajectory, hyperparameters: Hyperparameters
    ) -> Examples:
        del memory
        return make_examples(network, params, trajectory, hyperparameters)

    return Learner(network, network.init, act, examples)


def make_proximal(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float], learner: Learner
) -> Experiment:
    """PPO in `environment`: one update is one rollout and all gradient steps on it.

    Vectors beyond the bounds of actions are clipped to them by the environment; the policy learns
    from what it drew. Observations are normalised by what was seen in earlier rollouts, rewards by
    that and what the environments of a group brought in this one.

    Args:
        environment: where.
        sizes: shapes and loops.
        hyperparameters: starting values of `learning_rate`, `discount`, `gae_lambda`,
            `clip_range`, `entropy_weight`, `value_weight`, `max_gradient_norm`.
        learner: what acts and learns.
    """
    environment = clip_actions(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> PPOState:
        return begin(environment, sizes, learner, key, hyperparameters)

    def policy(state: PPOState) -> Policy:
        return policy_of(learner, state)

    def update(state: PPOState, batch: Batch, key: Key) -> tuple[PPOState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)

        def judge(
            begun: Episodes,
            trajectory: Trajectory,
            normal: Trajectory,
            after: Episodes,
            carried: None,
        ) -> Judged:
            del trajectory, after, carried
            examples = learner.make_examples(
                state.params, begun.memory, normal, state.hyperparameters
            )
            return Judged(examples, {})

        after, judged = play(environment, sizes, policy(state), state, judge, rollout_key)
        params, opt_state, learning = learn(
            learner.network, sizes, state, judged.examples, shuffle_key
        )
        after = after._replace(params=params, opt_state=opt_state, updates=state.updates + 1)
        return after, learning | judged.metrics

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


def begin(
    environment: Environment,
    sizes: Sizes,
    learner: Learner,
    key: Key,
    hyperparameters: Hyperparameters,
) -> PPOState:
    """What PPO starts from."""
    params_key, environment_key = jax.random.split(key)
    episodes = start(environment, environment_key, sizes.environments, learner.initial)
    params = learner.init(params_key, jnp.zeros_like(episodes.observations[0]))
    return PPOState(
        params=params,
        opt_state=_gradient_transformation(hyperparameters["max_gradient_norm"]).init(params),
        hyperparameters=hyperparameters,
        episodes=episodes,
        updates=jnp.int32(0),
        statistics=no_statistics(
            environment.observation_shape, sizes.normalise_observations, sizes.normalise_rewards
        ),
        running=jnp.zeros(sizes.environments) if sizes.normalise_rewards else None,
    )


def policy_of(learner: Learner, state: PPOState) -> Policy:
    """How a state acts."""

    def act(memory: Memory, observations: jax.Array) -> tuple[Memory, Distribution]:
        seen = normalise_observations(observations, state.statistics.observations)
        return learner.act(state.params, memory, seen)

    return Policy(act, learner.initial)


class Judged(NamedTuple):
    """What is made of a rollout.

    Attributes:
        examples: what policy and values learn from.
        metrics: what is told of it; those of groups are merged.
        moments: what was seen in it; those of groups are merged, each with its like.
        kept: anything else, of each group.
    """

    examples: Examples
    metrics: Metrics
    moments: tuple[Moments, ...] = ()
    kept: Any = None


def play(
    environment: Environment,
    sizes: Sizes,
    policy: Policy,
    state: PPOState,
    judge: Callable[[Episodes, Trajectory, Trajectory, Episodes, Any], Judged],
    key: Key,
    carried: Any = None,
) -> tuple[PPOState, Judged]:
    """One rollout, group by group, and what is made of it.

    Args:
        environment: where.
        sizes: `rollout_steps`, `groups`, and what is normalised.
        policy: what acts.
        state: before the rollout.
        judge: (a group's episodes before, its trajectory, the same normalised, its episodes
            afterwards, its part of `carried`) -> what is made of them.
        key: for all that is drawn.
        carried: leaves `[environments, ...]`, what a judge needs of each environment.

    Returns:
        The state with episodes and statistics as they are afterwards; examples and what is kept
        of each group, leaves `[groups, ...]`, with metrics and moments of all of them.
    """

    def play_group(part: tuple[Episodes, jax.Array | None, Any], key: Key) -> tuple[Any, Any]:
        begun, running, carried = part
        episodes, trajectory = collect(environment, policy, begun, key, sizes.rollout_steps)
        discount = state.hyperparameters["discount"]
        statistics, running = statistics_of(
            trajectory, sizes.normalise_observations, running, discount
        )
        normal = normalise(trajectory, up_to_rollout(state.statistics, statistics))
        judged = judge(begun, trajectory, normal, episodes, carried)
        told = finished(trajectory) | judged.metrics
        return (told, statistics, judged.moments), (
            episodes, running, judged.examples, judged.kept
        )  # fmt: skip

    (told, statistics, moments), (episodes, running, examples, kept) = over_groups(
        play_group,
        sizes.groups,
        split((state.episodes, state.running, carried), sizes.groups),
        key,
        _merge,
    )
    after = state._replace(
        episodes=join(episodes),
        statistics=merge_statistics(state.statistics, statistics),
        running=join(running),
    )
    return after, Judged(examples, told, moments, kept)


def _merge(left: tuple, right: tuple) -> tuple[Metrics, Statistics, tuple[Moments, ...]]:
    moments = tuple(merge_moments(one, other) for one, other in zip(left[2], right[2], strict=True))
    return *merge_seen(left[:2], right[:2]), moments


def _gradient_transformation(max_gradient_norm: jax.Array) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(max_gradient_norm), optax.scale_by_adam(eps=1e-5))


def learn(
    network: ActingNetwork, sizes: Sizes, state: PPOState, examples: Examples, key: Key
) -> tuple[Any, optax.OptState, Metrics]:
    """All gradient steps on one rollout.

    Args:
        network: policy and value function.
        sizes: `epochs`, `minibatch_size`, `groups`, and what a rollout and a run are.
        state: whose parameters learn.
        examples: leaves `[groups, batch / groups, ...]`, of one step each or of whole rollouts.
        key: for the order of the minibatches.

    Returns:
        Parameters, the optimiser's state, and means over all gradient steps.
    """
    hyperparameters = state.hyperparameters
    left = 1.0 - state.updates / sizes.updates if sizes.anneal else jnp.float32(1.0)
    learning_rate = left * hyperparameters["learning_rate"]
    clip_range = left * hyperparameters["clip_range"]
    transformation = _gradient_transformation(hyperparameters["max_gradient_norm"])
    gradient_of = jax.grad(ppo_loss, argnums=1, has_aux=True)
    if not sizes.clip_values:
        examples = examples._replace(value=None)

    def one_minibatch(carry: tuple, chosen: jax.Array | None) -> tuple[tuple, dict[str, jax.Array]]:
        minibatch = examples if chosen is None else take(examples, chosen)
        # Over all groups: what is a good action does not depend on who else shares its group.
        advantage = of_all_groups(lambda: losses.normalised(minibatch.advantage), sizes.groups, key)
        minibatch = minibatch._replace(advantage=advantage)
        return descend_over_groups(
            lambda params, part: gradient_of(network, params, part, clip_range, hyperparameters),
            transformation,
            learning_rate,
            sizes.groups,
            carry,
            minibatch,
            key,
        )

    steps = sizes.environments * sizes.rollout_steps
    gradient_steps = sizes.epochs * steps // sizes.minibatch_size
    chosen = None  # a pass of one minibatch has no order
    if sizes.minibatch_size != steps:
        rows = sizes.groups * examples.advantage.shape[1]
        size = sizes.minibatch_size * rows // steps
        chosen = shuffled_minibatches(key, rows, size, sizes.epochs, sizes.groups)
    carry = (state.params, state.opt_state)
    (params, opt_state), parts = jax.lax.scan(one_minibatch, carry, chosen, length=gradient_steps)
    return params, opt_state, {name: mean(values) for name, values in parts.items()}

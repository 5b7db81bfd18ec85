"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), environments included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, of_all_groups, over_groups, split
from research.engine.metrics import Metrics, mean
from research.options.ranges import AMOUNT, POSITIVE, Range, Since
from research.rl import losses
from research.rl.acting import make_acting
from research.rl.agent import Agent
from research.rl.algorithms.ppo_loss import ppo_loss
from research.rl.descent import descend_over_groups
from research.rl.distributions import Distribution
from research.rl.environments.actions import clip_actions
from research.rl.environments.environment import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.examples import Examples, finished, make_examples
from research.rl.minibatches import shuffled_minibatches, take
from research.rl.network import ActingNetwork, HiddenLayers, PolicyAndValue, make_network
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
from research.rl.on_policy import Minibatches, unfit_to_normalise
from research.rl.policy import Memory, Policy
from research.rl.rollout import Episodes, Trajectory, collect, start


@dataclass(frozen=True)
class PPO(HiddenLayers, Minibatches):
    """What can be chosen of proximal policy optimisation."""

    normalise_observations: Annotated[bool, "to mean 0 and deviation 1, by all seen"] = False
    normalise_rewards: Annotated[bool, "by the deviation of discounted returns"] = False
    clip_values: Annotated[
        bool, "a value's change counts as far as --clip-range, too", Since(False)
    ] = False
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace", Range(0, 1)] = 0.95
    clip_range: Annotated[float, "how far a probability ratio counts, at the start", POSITIVE] = 0.2
    entropy_weight: Annotated[float, "weight of the policy's entropy", AMOUNT] = 0.0
    value_weight: Annotated[float, "weight of the value function's squared error", AMOUNT] = 0.5

    def problems(self) -> list[str]:
        """Where the environment does not fit, or a rollout does not divide."""
        found = unfit(self.environment, image=self.channels > 0 or None) + super().problems()
        return found + unfit_to_normalise(self.environment, self.normalise_observations)

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), units=16)

    def make(self) -> Experiment:
        """PPO in the chosen environment."""
        return make_ppo(make_environment(self.environment), self)


MINATAR = PPO(
    environment_steps=10_000_000,
    environments=64,
    rollout_steps=128,
    minibatch_size=1024,
    units=128,
    layers=1,
    channels=16,
    anneal=True,
    entropy_weight=0.01,
)
"""Settings for screens of 10 x 10 cells, the same for every game."""


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


def make_ppo(environment: Environment, config: PPO) -> Experiment:
    """PPO in `environment` of a policy without memory; see `make_proximal`."""
    learner = memoryless_learner(make_network(environment, config.hidden, config.channels))
    return make_proximal(environment, config, learner)


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


def make_proximal(environment: Environment, config: PPO, learner: Learner) -> Experiment:
    """PPO in `environment`: one update is one rollout and all gradient steps on it.

    Vectors beyond the bounds of actions are clipped to them by the environment; the policy learns
    from what it drew. Observations are normalised by what was seen in earlier rollouts, rewards by
    that and what the environments of a group brought in this one.

    Args:
        environment: where.
        config: what was chosen.
        learner: what acts and learns.
    """
    environment = clip_actions(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> PPOState:
        return begin(environment, config, learner, key, hyperparameters)

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

        after, judged = play(environment, config, policy(state), state, judge, rollout_key)
        params, opt_state, learning = learn(
            learner.network, config, state, judged.examples, shuffle_key
        )
        after = after._replace(params=params, opt_state=opt_state, updates=state.updates + 1)
        return after, learning | judged.metrics

    return make_acting(
        Agent(environment, policy),
        init,
        update,
        updates=config.updates,
        items_per_update=config.rollout_size,
        evaluation_episodes=config.evaluation_episodes,
        groups=config.groups,
    )


def begin(
    environment: Environment,
    config: PPO,
    learner: Learner,
    key: Key,
    hyperparameters: Hyperparameters,
) -> PPOState:
    """What PPO starts from."""
    params_key, environment_key = jax.random.split(key)
    episodes = start(environment, environment_key, config.environments, learner.initial)
    params = learner.init(params_key, jnp.zeros_like(episodes.observations[0]))
    return PPOState(
        params=params,
        opt_state=_gradient_transformation(hyperparameters["max_gradient_norm"]).init(params),
        hyperparameters=hyperparameters,
        episodes=episodes,
        updates=jnp.int32(0),
        statistics=no_statistics(
            environment.observation_shape, config.normalise_observations, config.normalise_rewards
        ),
        running=jnp.zeros(config.environments) if config.normalise_rewards else None,
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
    config: PPO,
    policy: Policy,
    state: PPOState,
    judge: Callable[[Episodes, Trajectory, Trajectory, Episodes, Any], Judged],
    key: Key,
    carried: Any = None,
) -> tuple[PPOState, Judged]:
    """One rollout, group by group, and what is made of it.

    Args:
        environment: where.
        config: `rollout_steps`, `groups`, and what is normalised.
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
        episodes, trajectory = collect(environment, policy, begun, key, config.rollout_steps)
        discount = state.hyperparameters["discount"]
        statistics, running = statistics_of(
            trajectory, config.normalise_observations, running, discount
        )
        normal = normalise(trajectory, up_to_rollout(state.statistics, statistics))
        judged = judge(begun, trajectory, normal, episodes, carried)
        told = finished(trajectory) | judged.metrics
        return (told, statistics, judged.moments), (
            episodes, running, judged.examples, judged.kept
        )  # fmt: skip

    (told, statistics, moments), (episodes, running, examples, kept) = over_groups(
        play_group,
        config.groups,
        split((state.episodes, state.running, carried), config.groups),
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
    network: ActingNetwork, config: PPO, state: PPOState, examples: Examples, key: Key
) -> tuple[Any, optax.OptState, Metrics]:
    """All gradient steps on one rollout.

    Args:
        network: policy and value function.
        config: `epochs`, `minibatch_size`, `groups`, and what a rollout and a run are.
        state: whose parameters learn.
        examples: leaves `[groups, batch / groups, ...]`, of one step each or of whole rollouts.
        key: for the order of the minibatches.

    Returns:
        Parameters, the optimiser's state, and means over all gradient steps.
    """
    hyperparameters = state.hyperparameters
    left = 1.0 - state.updates / config.updates if config.anneal else jnp.float32(1.0)
    learning_rate = left * hyperparameters["learning_rate"]
    clip_range = left * hyperparameters["clip_range"]
    transformation = _gradient_transformation(hyperparameters["max_gradient_norm"])
    gradient_of = jax.grad(ppo_loss, argnums=1, has_aux=True)
    if not config.clip_values:
        examples = examples._replace(value=None)

    def one_minibatch(carry: tuple, chosen: jax.Array | None) -> tuple[tuple, dict[str, jax.Array]]:
        minibatch = examples if chosen is None else take(examples, chosen)
        # Over all groups: what is a good action does not depend on who else shares its group.
        advantage = of_all_groups(
            lambda: losses.normalised(minibatch.advantage), config.groups, key
        )
        minibatch = minibatch._replace(advantage=advantage)
        return descend_over_groups(
            lambda params, part: gradient_of(network, params, part, clip_range, hyperparameters),
            transformation,
            learning_rate,
            config.groups,
            carry,
            minibatch,
            key,
        )

    steps = config.rollout_size
    gradient_steps = config.epochs * steps // config.minibatch_size
    chosen = None  # a pass of one minibatch has no order
    if config.minibatch_size != steps:
        rows = config.groups * examples.advantage.shape[1]
        size = config.minibatch_size * rows // steps
        chosen = shuffled_minibatches(key, rows, size, config.epochs, config.groups)
    carry = (state.params, state.opt_state)
    (params, opt_state), parts = jax.lax.scan(one_minibatch, carry, chosen, length=gradient_steps)
    return params, opt_state, {name: mean(values) for name, values in parts.items()}

"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), environments included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, mean
from research.rl import losses
from research.rl.acting import make_acting
from research.rl.agent import Agent
from research.rl.descent import descend_over_groups
from research.rl.distributions import Distribution
from research.rl.environments.actions import clip_actions
from research.rl.environments.environment import Environment
from research.rl.examples import Examples, finished, make_examples
from research.rl.minibatches import shuffled_minibatches, take
from research.rl.network import ActingNetwork, make_network, with_log_deviation
from research.rl.normalisation import (
    Statistics,
    merge_seen,
    merge_statistics,
    no_statistics,
    normalise,
    normalise_observations,
    statistics_of,
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
        statistics: of what was seen until the last rollout began to be learned from.
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
    network = make_network(environment, sizes.units, sizes.channels)

    def act(params: Any, memory: None, observations: jax.Array) -> tuple[None, Distribution]:
        return memory, network.apply(params, observations, method="policy")

    def examples(
        params: Any, memory: None, trajectory: Trajectory, hyperparameters: Hyperparameters
    ) -> Examples:
        del memory
        return make_examples(network, params, trajectory, hyperparameters)

    learner = Learner(network, network.init, act, examples)
    return make_proximal(environment, sizes, hyperparameters, learner)


def make_proximal(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float], learner: Learner
) -> Experiment:
    """PPO in `environment`: one update is one rollout and all gradient steps on it.

    Vectors beyond the bounds of actions are clipped to them by the environment; the policy learns
    from what it drew. What observations and rewards are normalised by is that of earlier rollouts.

    Args:
        environment: where.
        sizes: shapes and loops.
        hyperparameters: starting values of `learning_rate`, `discount`, `gae_lambda`,
            `clip_range`, `entropy_weight`, `value_weight`, `max_gradient_norm`; with
            `initial_log_deviation`, vectors are drawn with that of the log at first, not with 0.
        learner: what acts and learns.
    """
    environment = clip_actions(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> PPOState:
        params_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, sizes.environments, learner.initial)
        params = learner.init(params_key, jnp.zeros_like(episodes.observations[0]))
        params = with_log_deviation(params, hyperparameters)
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

    def policy(state: PPOState) -> Policy:
        def act(memory: Memory, observations: jax.Array) -> tuple[Memory, Distribution]:
            seen = normalise_observations(observations, state.statistics.observations)
            return learner.act(state.params, memory, seen)

        return Policy(act, learner.initial)

    def update(state: PPOState, batch: Batch, key: Key) -> tuple[PPOState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)
        acting = policy(state)

        def play(part: tuple[Episodes, jax.Array | None], key: Key) -> tuple[Any, Any]:
            begun, running = part
            episodes, trajectory = collect(environment, acting, begun, key, sizes.rollout_steps)
            discount = state.hyperparameters["discount"]
            statistics, running = statistics_of(
                trajectory, sizes.normalise_observations, running, discount
            )
            normal = normalise(trajectory, state.statistics)
            examples = learner.make_examples(
                state.params, begun.memory, normal, state.hyperparameters
            )
            return (finished(trajectory), statistics), (episodes, running, examples)

        (ended, statistics), (episodes, running, examples) = over_groups(
            play,
            sizes.groups,
            split((state.episodes, state.running), sizes.groups),
            rollout_key,
            merge_seen,
        )
        params, opt_state, learning = learn(learner.network, sizes, state, examples, shuffle_key)
        state = state._replace(
            params=params,
            opt_state=opt_state,
            episodes=join(episodes),
            updates=state.updates + 1,
            statistics=merge_statistics(state.statistics, statistics),
            running=join(running),
        )
        return state, learning | ended

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


def ppo_loss(
    network: ActingNetwork,
    params: Any,
    examples: Examples,
    clip_range: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective on one minibatch, or on one group of it, and its parts.

    Args:
        network: policy and value function.
        params: its parameters.
        examples: leaves `[batch, ...]`, advantages as they should count: normalised; where they
            hold `value`, what the value function said, its error is that of
            `losses.clipped_value_error`.
        clip_range: ε, scalar.
        hyperparameters: `value_weight` and `entropy_weight`.

    Returns:
        The loss: policy + value_weight * value - entropy_weight * entropy (Schulman et al. 2017,
        eq. 9, negated), and float32 scalars by name.
    """
    said, value = network.apply(params, examples.observation)
    log_ratio = said.log_probability(examples.action) - examples.log_probability
    surrogate = losses.clipped_surrogate(log_ratio, examples.advantage, clip_range)
    policy_loss = jnp.mean(surrogate)
    if examples.value is None:
        error = losses.value_error(value, examples.target)
    else:
        error = losses.clipped_value_error(value, examples.target, examples.value, clip_range)
    value_loss = jnp.mean(error)
    entropy = jnp.mean(said.entropy())
    loss = (
        policy_loss
        + hyperparameters["value_weight"] * value_loss
        - hyperparameters["entropy_weight"] * entropy
    )
    return loss, {
        "loss": loss,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approximate_kl": jnp.mean(losses.approximate_kl(log_ratio)),
    }


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
        minibatch = minibatch._replace(advantage=losses.normalised(minibatch.advantage))
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

"""On-policy learning: options, state and rollouts of algorithms that learn from fresh experience.

Environments are played for some steps, group by group. Gradient steps learn from the examples that
an algorithm makes of them; then the next rollout begins where this one ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, mean, merge
from research.optimization.descent import Trained, begin_training, clipped, with_learning_rate
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Divides, Range, undivided
from research.rl import normalisation
from research.rl.acting import make_acting
from research.rl.advantages import Examples, Learner
from research.rl.distributions import Distribution
from research.rl.environments.interface import Environment
from research.rl.environments.registered import unfit
from research.rl.environments.wrappers import clip_actions
from research.rl.minibatches import MeanLoss, descend_over_minibatches, shuffled_minibatches
from research.rl.network import HiddenLayers
from research.rl.normalisation import Moments, Statistics
from research.rl.policy import Agent, Memory, Policy
from research.rl.rollout import Episodes, Trajectory, collect, episode_metrics, start


@dataclass(frozen=True)
class OnPolicy(Config):
    """Options of every on-policy algorithm."""

    environment: Annotated[str, "its name, with any wrappers"] = "CartPole-v1"
    environments: Annotated[int, "environments stepped together", COUNT] = 8
    groups: Annotated[
        int,
        "equal parts of the environments, which devices can share",
        COUNT,
        Divides(("environments",)),
    ] = 1
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation", COUNT] = 64
    learning_rate: Annotated[float, "the optimiser's step size at the start", POSITIVE] = 1e-3
    discount: Annotated[float, "weight of the next step's value", Range(0, 1)] = 0.99
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 0.5


@dataclass(frozen=True)
class Rollouts(OnPolicy):
    """Options of rollouts of a fixed number of steps."""

    environment_steps: Annotated[int, "steps in all environments together", AMOUNT] = 200_000
    rollout_steps: Annotated[int, "steps in each environment between two updates", COUNT] = 32
    anneal: Annotated[bool, "let the learning rate, and a clip range, fall linearly to 0"] = False

    @property
    def rollout_size(self) -> int:
        """Steps of all environments in a rollout."""
        return self.environments * self.rollout_steps

    @property
    def updates(self) -> int:
        """Rollouts in a whole run."""
        return self.environment_steps // self.rollout_size


@dataclass(frozen=True)
class Minibatches(Rollouts):
    """Options of several passes over each rollout, in minibatches."""

    epochs: Annotated[int, "passes over each rollout", COUNT] = 4
    minibatch_size: Annotated[int, "examples in one gradient step", COUNT] = 256

    def problems(self) -> list[str]:
        """A rollout that does not divide into minibatches, or these not into groups."""
        found = super().problems() + undivided("groups", self, "minibatch_size")
        if self.rollout_size % self.minibatch_size:
            found.append(
                "--minibatch-size must divide --environments times --rollout-steps "
                f"({self.rollout_size}): {self.minibatch_size} does not"
            )
        return found

    def smoke(self) -> Self:
        """Thirty small updates."""
        small = replace(self, environments=8, rollout_steps=8, minibatch_size=32, epochs=2)
        return replace(small, environment_steps=30 * 8 * 8, evaluation_episodes=4)


@dataclass(frozen=True)
class ActorCritic(HiddenLayers, Rollouts):
    """Options of a policy and a value function that learn by generalised advantages."""

    normalise_observations: Annotated[bool, "observations get mean 0 and deviation 1"] = False
    normalise_rewards: Annotated[bool, "rewards are divided by the deviation of returns"] = False
    gae_lambda: Annotated[
        float, "decay of the advantage's trace; 1 is n-step returns", Range(0, 1)
    ] = 0.95
    entropy_weight: Annotated[float, "weight of the policy's entropy", AMOUNT] = 0.0
    value_weight: Annotated[float, "weight of the value function's squared error", AMOUNT] = 0.5

    def problems(self) -> list[str]:
        """An environment that does not fit, or observations that cannot be normalised."""
        found = unfit(self.environment, image=self.channels > 0 or None)
        tabular = not found and bool(unfit(self.environment, tabular=False))
        if self.normalise_observations and tabular:
            found.append(
                f"--normalise-observations: those of {self.environment} are indices of states"
            )
        return found + super().problems()


def remaining_share(config: Rollouts, updates: jax.Array) -> jax.Array:
    """The factor of a learning rate after so many updates: from 1 to 0 in a line, or 1."""
    return 1.0 - updates / config.updates if config.anneal else jnp.float32(1.0)


class OnPolicyState(NamedTuple):
    """All that the next update depends on, where nothing is normalised.

    Attributes:
        episodes: the environments in mid-episode.
        updates: int32 scalar, updates made.
    """

    params: Any
    opt_state: optax.OptState
    episodes: Episodes
    updates: jax.Array
    hyperparameters: Hyperparameters


class ActorCriticState(NamedTuple):
    """All that the next update of PPO or A2C depends on: as `OnPolicyState`, and two more.

    Attributes:
        statistics: of observations and returns in all rollouts so far.
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


def begin(
    environment: Environment,
    config: OnPolicy,
    init: Callable[[Key, jax.Array], Any],
    scaling: optax.GradientTransformation,
    key: Key,
    hyperparameters: Hyperparameters,
    initial: Memory = None,
) -> OnPolicyState:
    """The state before the first update: in each environment an episode begins.

    `init` is (key, observations `[environments, *observation_shape]`) -> parameters; `scaling` is
    what becomes of clipped gradients, such as `optax.scale_by_adam()`; `initial` is the memory of
    one environment where an episode begins.
    """
    params_key, environment_key = jax.random.split(key)
    episodes = start(environment, environment_key, config.environments, initial)
    params = init(params_key, episodes.observations)
    trained = begin_training(params, clipped(scaling, hyperparameters))
    return OnPolicyState(*trained, episodes, jnp.int32(0), hyperparameters)


def begin_actor_critic(
    environment: Environment,
    config: ActorCritic,
    learner: Learner,
    scaling: optax.GradientTransformation,
    key: Key,
    hyperparameters: Hyperparameters,
) -> ActorCriticState:
    """The state before the first update of PPO or A2C; as `begin`."""
    begun = begin(
        environment,
        config,
        lambda key, observations: learner.init(key, jnp.zeros_like(observations[0])),
        scaling,
        key,
        hyperparameters,
        learner.initial,
    )
    return ActorCriticState(
        **begun._asdict(),
        statistics=normalisation.no_statistics(
            environment.observation_shape, config.normalise_observations, config.normalise_rewards
        ),
        running=jnp.zeros(config.environments) if config.normalise_rewards else None,
    )


def learn_in_minibatches(
    config: Minibatches,
    state: OnPolicyState | ActorCriticState,
    examples: Any,
    loss: MeanLoss,
    scaling: optax.GradientTransformation,
    key: Key,
    prepare: Callable[[Any], Any] = lambda minibatch: minibatch,
) -> tuple[Trained, Metrics]:
    """Parameters, the optimiser's state and mean metrics after all gradient steps on a rollout.

    `examples`, leaves `[groups, batch / groups, ...]`, are of one step each or of whole rollouts;
    `loss` is that of a group's part of a minibatch; `scaling` is the one of `begin`; `key` orders
    the minibatches, and `prepare` is as `descend_over_minibatches` has it.
    """
    chosen = None  # a pass of one minibatch has no order
    if config.minibatch_size != config.rollout_size:
        rows = config.groups * jax.tree.leaves(examples)[0].shape[1]
        size = config.minibatch_size * rows // config.rollout_size
        chosen = shuffled_minibatches(key, rows, size, config.epochs, config.groups)
    values = state.hyperparameters
    rate = remaining_share(config, state.updates) * values["learning_rate"]
    trained, parts = descend_over_minibatches(
        loss,
        Trained(state.params, state.opt_state),
        with_learning_rate(clipped(scaling, values), rate),
        config.groups,
        examples,
        chosen,
        key,
        steps=config.epochs * config.rollout_size // config.minibatch_size,
        prepare=prepare,
    )
    return trained, {name: mean(part) for name, part in parts.items()}


def make_actor_critic(
    environment: Environment,
    config: ActorCritic,
    learner: Learner,
    scaling: optax.GradientTransformation,
    learn: Callable[[ActorCriticState, Examples, Key], tuple[Trained, Metrics]],
) -> Experiment:
    """PPO or A2C in `environment`: one update is one rollout and what `learn` makes of it.

    Vectors beyond the bounds of actions are clipped to them by the environment; the policy learns
    from what it drew. `learn` is (state, examples `[groups, batch / groups, ...]`, key) -> what has
    learned, and metrics; `scaling` is as `begin` has it.
    """
    environment = clip_actions(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> ActorCriticState:
        return begin_actor_critic(environment, config, learner, scaling, key, hyperparameters)

    def update(state: ActorCriticState, batch: Batch, key: Key) -> tuple[ActorCriticState, Metrics]:
        del batch
        rollout_key, learn_key = jax.random.split(key)

        def learn_from(rollout: Rollout) -> Experience:
            memory, values = rollout.before.memory, state.hyperparameters
            examples = learner.make_examples(state.params, memory, rollout.normalised, values)
            return Experience(examples, {})

        after, made = play(environment, config, learner, state, learn_from, rollout_key)
        trained, metrics = learn(state, made.examples, learn_key)
        after = after._replace(**trained._asdict(), updates=state.updates + 1)
        return after, metrics | made.metrics

    agent, groups = Agent(environment, partial(policy_of, learner)), config.groups
    size, initial = config.rollout_size, learner.initial
    return make_acting(config, agent, init, update, size, groups=groups, initial=initial)


def policy_of(learner: Learner, state: ActorCriticState) -> Policy:
    """The policy of a state: it acts on observations as they are normalised so far."""

    def act(memory: Memory, observations: jax.Array) -> tuple[Memory, Distribution]:
        moments = state.statistics.observations
        observations = normalisation.normalise_observations(observations, moments)
        return learner.act(state.params, memory, observations)

    return Policy(act, learner.initial)


class Rollout(NamedTuple):
    """The rollout of one group.

    Attributes:
        before: its environments before the first step.
        trajectory: what happened, leaves `[time, environments, ...]`.
        normalised: the same with observations and rewards normalised: observations by earlier
            rollouts, rewards by those and by this one.
        after: its environments after the last step.
        carried: its part of what `play` was given.
    """

    before: Episodes
    trajectory: Trajectory
    normalised: Trajectory
    after: Episodes
    carried: Any = None


class Experience(NamedTuple):
    """A rollout as an algorithm learns from it.

    Attributes:
        examples: for the gradient steps.
        metrics: figures of it; those of groups are merged.
        moments: for further normalisation; those of groups are merged, each with its like.
        kept: anything else, of each group.
    """

    examples: Examples
    metrics: Metrics
    moments: tuple[Moments, ...] = ()
    kept: Any = None


def play(
    environment: Environment,
    config: Rollouts,
    learner: Learner,
    state: ActorCriticState,
    learn_from: Callable[[Rollout], Experience],
    key: Key,
    carried: Any = None,
) -> tuple[ActorCriticState, Experience]:
    """One rollout by its policy, group by group; `learn_from` makes the experience of each.

    `carried`, leaves `[environments, ...]`, is what it needs of each environment.

    Returns:
        The state with episodes and statistics as they are afterwards; examples and `kept`
        of each group, leaves `[groups, ...]`, with metrics and moments of all of them.
    """
    policy, observed = policy_of(learner, state), state.statistics.observations is not None

    def play_group(part: tuple[Episodes, jax.Array | None, Any], key: Key) -> tuple[Any, Any]:
        before, running, carried = part
        after, trajectory = collect(environment, policy, before, key, config.rollout_steps)
        discount = state.hyperparameters["discount"]
        statistics, running = normalisation.statistics_of(trajectory, observed, running, discount)
        known = normalisation.up_to_rollout(state.statistics, statistics)
        normalised = normalisation.normalise(trajectory, known)
        made = learn_from(Rollout(before, trajectory, normalised, after, carried))
        metrics = episode_metrics(trajectory) | made.metrics
        return (metrics, statistics, made.moments), (after, running, made.examples, made.kept)

    (metrics, statistics, moments), (episodes, running, examples, kept) = over_groups(
        play_group,
        config.groups,
        split((state.episodes, state.running, carried), config.groups),
        key,
        _merge,
    )
    state = state._replace(
        episodes=join(episodes),
        statistics=normalisation.merge_statistics(state.statistics, statistics),
        running=join(running),
    )
    return state, Experience(examples, metrics, moments, kept)


def _merge(first: tuple, second: tuple) -> tuple[Metrics, Statistics, tuple[Moments, ...]]:
    statistics = normalisation.merge_statistics(first[1], second[1])
    moments = map(normalisation.merge_moments, first[2], second[2])
    return merge(first[0], second[0]), statistics, tuple(moments)

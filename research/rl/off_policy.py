"""Off-policy learning: options of algorithms with a replay, and the loop of those on vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, empty_like, mean
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, DEPTH, FRACTION, POSITIVE, Divides, Range
from research.rl import replay_buffer
from research.rl.acting import make_acting, scan_updates
from research.rl.distributions import Distribution, draw_noise
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.environments.wrappers import scale_actions
from research.rl.exploration import correlate
from research.rl.policy import reactive
from research.rl.replay_buffer import Replay, Transition
from research.rl.rollout import Episodes, start, step_all


@dataclass(frozen=True)
class OffPolicy(Config):
    """Options of every algorithm that learns from a replay."""

    environment: Annotated[str, "its name, with any wrappers"] = "CartPole-v1"
    environment_steps: Annotated[int, "steps in all environments together", AMOUNT] = 20_000
    environments: Annotated[
        int, "environments stepped together", COUNT, Divides(("replay_size",))
    ] = 4
    steps_per_update: Annotated[int, "steps in each environment between learning", COUNT] = 4
    gradient_steps: Annotated[int, "minibatches in one update", COUNT] = 16
    batch_size: Annotated[int, "transitions in a minibatch", Range(1, "replay_size")] = 256
    replay_size: Annotated[int, "environment steps in the replay", COUNT] = 20_000
    learning_starts: Annotated[int, "environment steps before the first learning", AMOUNT] = 400
    units: Annotated[int, "units of each hidden layer of every network", COUNT] = 64
    layers: Annotated[int, "hidden layers of every network", DEPTH] = 2
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation", COUNT] = 64
    learning_rate: Annotated[float, "Adam's step size", POSITIVE] = 1e-3
    discount: Annotated[float, "weight of the next step's value", FRACTION] = 0.99

    @property
    def steps_together(self) -> int:
        """Steps of all environments in one update."""
        return self.environments * self.steps_per_update

    @property
    def updates(self) -> int:
        """Updates in a whole run: steps of every environment, then learning."""
        return self.environment_steps // self.steps_together

    @property
    def warmup_updates(self) -> int:
        """Updates without learning at the start."""
        return -(-self.learning_starts // self.steps_together)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return (self.units,) * self.layers

    def problems(self) -> list[str]:
        """A run that is over before learning starts."""
        if not 0 < self.updates <= self.warmup_updates:
            return []
        return [
            f"--learning-starts {self.learning_starts}: in --environment-steps "
            f"{self.environment_steps} nothing would be learned; let learning start sooner, or "
            "take more steps"
        ]

    def smoke(self) -> Self:
        """Thirty small updates."""
        small = replace(self, environments=2, steps_per_update=4, gradient_steps=2, batch_size=8)
        small = replace(small, units=16, replay_size=100, evaluation_episodes=4)
        return replace(small, environment_steps=240, learning_starts=32)


@dataclass(frozen=True)
class ActorCritic(OffPolicy):
    """Options of every such algorithm whose actions are vectors."""

    environment: Annotated[str, "its name; actions are vectors"] = "Pendulum-v1"
    target_rate: Annotated[
        float, "how far targets follow at each gradient step", Range(0, 1, above=True)
    ] = 0.005

    @abstractmethod
    def algorithm(self, environment: Environment) -> Algorithm:
        """The algorithm for an environment whose actions are from -1 to 1."""

    def problems(self) -> list[str]:
        """An environment of discrete actions, and the problems of every replay."""
        return unfit(self.environment, continuous=True) + super().problems()

    def make(self) -> Experiment:
        """The algorithm in the chosen environment."""
        return make_off_policy(make_environment(self.environment), self)


@dataclass(frozen=True)
class CorrelatedNoise(ActorCritic):
    """The same where the noise of one step is correlated with that of the next.

    A class of its own, for such noise is part of the state.
    """

    noise_correlation: Annotated[
        float, "of the noise of one step with that of the next", FRACTION
    ] = 0.9


MOUNTAIN_CAR_CONTINUOUS: dict[str, Any] = {
    "environment": "MountainCarContinuous-v0",
    "environment_steps": 50_000,
    "environments": 8,
    "batch_size": 128,
    "replay_size": 50_000,
    "learning_starts": 10_000,
    "learning_rate": 3e-4,
    "target_rate": 0.02,
    "noise_correlation": 0.97,
    "exploration_deviation": 0.5,
}
"""Settings of actors with correlated noise, the same for DDPG and TD3."""


class Algorithm(NamedTuple):
    """An algorithm as three pure functions; its actions are from -1 to 1.

    Attributes:
        init: (key, hyperparameters) -> its parameters, a pytree.
        policy: (parameters, observations, hyperparameters) -> distributions to act by, of which
            the most probable actions are what has been learned.
        learn: (parameters, minibatch, number of the minibatch in its update, hyperparameters, key)
            -> (parameters, metrics).
    """

    init: Callable[[Key, Hyperparameters], Any]
    policy: Callable[[Any, jax.Array, Hyperparameters], Distribution]
    learn: Callable[[Any, Transition, jax.Array, Hyperparameters, Key], tuple[Any, Metrics]]


class OffPolicyState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        learned: the algorithm's parameters.
        episodes: the environments in mid-episode.
        replay: the newest steps.
        updates: int32 scalar, updates made.
        noise: float32 `[environments, dimensions]`, that of the actions before; None where noise
            is drawn anew for each.
    """

    learned: Any
    episodes: Episodes
    replay: Replay
    updates: jax.Array
    hyperparameters: Hyperparameters
    noise: jax.Array | None = None


def make_off_policy(environment: Environment, config: ActorCritic) -> Experiment:
    """Acting, remembering and learning, in turns.

    With `CorrelatedNoise`, the noise that actions are drawn with is correlated in time
    (`exploration.correlate`), and so are those that are drawn uniformly.

    Raises:
        ValueError: the actions are not vectors.
    """
    environment = scale_actions(environment)
    algorithm = config.algorithm(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> OffPolicyState:
        learned_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, config.environments)
        shape = config.environments, *environment.bounds.low.shape
        return OffPolicyState(
            learned=algorithm.init(learned_key, hyperparameters),
            episodes=episodes,
            replay=replay_buffer.make_replay(
                episodes.observations, environment.action_space, config.replay_size
            ),
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
            noise=jnp.zeros(shape) if isinstance(config, CorrelatedNoise) else None,
        )

    def update(state: OffPolicyState, batch: Batch, key: Key) -> tuple[OffPolicyState, Metrics]:
        del batch
        act_key, learn_key = jax.random.split(key)
        ready = state.updates >= config.warmup_updates
        state, played = act(environment, algorithm, config, state, ~ready, act_key)

        def learn_batches(learned: Any) -> tuple[Any, Metrics]:
            return learn(algorithm, config, state._replace(learned=learned), learn_key)

        nothing = empty_like(jax.eval_shape(learn_batches, state.learned)[1])
        learned, metrics = jax.lax.cond(
            ready, learn_batches, lambda learned: (learned, nothing), state.learned
        )
        return state._replace(learned=learned, updates=state.updates + 1), played | metrics

    def policy(state: OffPolicyState, observations: jax.Array) -> Distribution:
        return algorithm.policy(state.learned, observations, state.hyperparameters)

    agent = reactive(environment, policy)
    return make_acting(config, agent, init, update, config.steps_together)


def act(
    environment: Environment,
    algorithm: Algorithm,
    config: ActorCritic,
    state: OffPolicyState,
    warmup: jax.Array,
    key: Key,
) -> tuple[OffPolicyState, Metrics]:
    """The steps of one update in every environment, kept in the replay.

    In `warmup`, a bool scalar, actions are drawn uniformly instead of by the policy.
    """
    noise_key, uniform_key, step_key = jax.random.split(key, 3)
    shape = config.steps_per_update, config.environments
    # All randomness before the loop: within it, each small call costs as much.
    noise = draw_noise(noise_key, environment.action_space, shape)
    low, high = environment.bounds
    uniform = jax.random.uniform(uniform_key, noise.shape, minval=low, maxval=high)
    keys = jax.random.split(step_key, shape)

    def one_step(
        carry: tuple[Episodes, Replay, jax.Array | None],
        drawn: tuple[jax.Array, jax.Array, jax.Array],
    ) -> tuple[tuple[Episodes, Replay, jax.Array | None], Metrics]:
        episodes, memory, before = carry
        step_noise, step_uniform, step_keys = drawn
        if before is not None:
            begins = episodes.episode_length == 0
            correlation = state.hyperparameters["noise_correlation"]
            before = step_noise = correlate(before, step_noise, begins, correlation)
            spread = low + (high - low) * jax.scipy.stats.norm.cdf(step_noise)
            step_uniform = jnp.where(correlation > 0, spread, step_uniform)
        dist = algorithm.policy(state.learned, episodes.observations, state.hyperparameters)
        # Clipped before it is kept: the replay holds the actions carried out.
        action = jnp.where(warmup, step_uniform, jnp.clip(dist.sample(step_noise), low, high))
        episodes, transition = step_all(environment, episodes, action, step_keys)
        ended = transition.ended
        metrics: Metrics = {
            "episode_return": mean(transition.episode_return, ended),
            "episodes": count(ended),
        }
        return (episodes, replay_buffer.add(memory, transition), before), metrics

    begun = state.episodes, state.replay, state.noise
    (episodes, memory, last), metrics = scan_updates(one_step, begun, (noise, uniform, keys))
    return state._replace(episodes=episodes, replay=memory, noise=last), metrics


def learn(
    algorithm: Algorithm, config: ActorCritic, state: OffPolicyState, key: Key
) -> tuple[Any, Metrics]:
    """The algorithm's parameters after an update's minibatches, drawn from all that is kept.

    After an end the next value counts nothing; after a time limit's cut it counts in full.
    """
    values = state.hyperparameters

    def one_batch(learned: Any, drawn: tuple[jax.Array, Key]) -> tuple[Any, Metrics]:
        number, key = drawn
        place_key, learn_key = jax.random.split(key)
        place = replay_buffer.uniform_places(
            place_key, state.replay, config.environments, config.batch_size
        )
        batch = replay_buffer.read(state.replay, place, config.environments, values["discount"])
        return algorithm.learn(learned, batch, number, values, learn_key)

    keys = jax.random.split(key, config.gradient_steps)
    numbers = jnp.arange(config.gradient_steps)
    return scan_updates(one_batch, state.learned, (numbers, keys))

"""What algorithms share that act with vectors and learn from a replay: the loop around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, empty_like, mean
from research.rl import replay
from research.rl.acting import make_acting, scan_updates
from research.rl.agent import reactive
from research.rl.correlated_noise import correlated
from research.rl.distributions import Distribution, draw_noise
from research.rl.environments.actions import bounds, scale_actions
from research.rl.environments.environment import Environment
from research.rl.replay import Replay, Step, Transition
from research.rl.rollout import Episodes, start, step_all


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops, whatever the algorithm.

    Attributes:
        updates: in a whole run: each is `steps` steps of every environment, then learning.
        environments: environments that are stepped together.
        steps: steps of each of them between learning.
        gradient_steps: minibatches learned from in one update.
        batch_size: transitions in a minibatch.
        capacity: steps that the replay holds, a multiple of the environments.
        warmup_updates: updates at the start whose actions are drawn all alike, without learning.
        units: units of each hidden layer of every network.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    updates: int
    environments: int = 1
    steps: int = 1
    gradient_steps: int = 1
    batch_size: int = 256
    capacity: int = 20_000
    warmup_updates: int = 100
    units: tuple[int, ...] = (64, 64)
    evaluation_episodes: int = 64


class Algorithm(NamedTuple):
    """What an algorithm knows and does; actions are from -1 to 1.

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
        replay: what was seen.
        updates: int32 scalar, updates made.
        hyperparameters: name -> float32 scalar.
        noise: float32 `[environments, dimensions]`, that of the actions before; None where noise
            is drawn anew for each.
    """

    learned: Any
    episodes: Episodes
    replay: Replay
    updates: jax.Array
    hyperparameters: Hyperparameters
    noise: jax.Array | None = None


def make_off_policy(
    environment: Environment,
    make_algorithm: Callable[[Environment], Algorithm],
    sizes: Sizes,
    hyperparameters: Mapping[str, float],
) -> Experiment:
    """Acting, remembering and learning, in turns.

    Args:
        environment: where; its actions are vectors.
        make_algorithm: environment, with actions from -1 to 1 -> what acts and learns there.
        sizes: shapes and loops.
        hyperparameters: `discount`, and those of the algorithm; with `noise_correlation`, the noise
            that actions are drawn with is correlated in time (`correlated_noise.correlated`), and
            so are those that are drawn all alike.

    Raises:
        ValueError: the actions are not vectors.
    """
    environment = scale_actions(environment)
    algorithm = make_algorithm(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> OffPolicyState:
        learned_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, sizes.environments)
        remembers = "noise_correlation" in hyperparameters
        shape = sizes.environments, *bounds(environment).low.shape
        return OffPolicyState(
            learned=algorithm.init(learned_key, hyperparameters),
            episodes=episodes,
            replay=replay.make_replay(
                episodes.observations, environment.action_space, sizes.capacity
            ),
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
            noise=jnp.zeros(shape) if remembers else None,
        )

    def update(state: OffPolicyState, batch: Batch, key: Key) -> tuple[OffPolicyState, Metrics]:
        del batch
        act_key, learn_key = jax.random.split(key)
        ready = state.updates >= sizes.warmup_updates
        state, played = act(environment, algorithm, sizes, state, ~ready, act_key)

        def learning(learned: Any) -> tuple[Any, Metrics]:
            return learn(algorithm, sizes, state._replace(learned=learned), learn_key)

        nothing = empty_like(jax.eval_shape(learning, state.learned)[1])
        learned, told = jax.lax.cond(
            ready, learning, lambda learned: (learned, nothing), state.learned
        )
        return state._replace(learned=learned, updates=state.updates + 1), played | told

    def acting(state: OffPolicyState, observations: jax.Array) -> Distribution:
        return algorithm.policy(state.learned, observations, state.hyperparameters)

    return make_acting(
        reactive(environment, acting),
        init,
        update,
        updates=sizes.updates,
        items_per_update=sizes.environments * sizes.steps,
        evaluation_episodes=sizes.evaluation_episodes,
        hyperparameters=hyperparameters,
    )


def act(
    environment: Environment,
    algorithm: Algorithm,
    sizes: Sizes,
    state: OffPolicyState,
    blind: jax.Array,
    key: Key,
) -> tuple[OffPolicyState, Metrics]:
    """`steps` steps of every environment, kept in the replay.

    Args:
        environment: with actions from -1 to 1.
        algorithm: what acts.
        sizes: how often.
        state: what is known, and where the environments stand.
        blind: bool scalar, whether actions are drawn all alike.
        key: for everything that is drawn.
    """
    noise_key, blind_key, step_key = jax.random.split(key, 3)
    shape = sizes.steps, sizes.environments
    # All randomness before the loop: within it, each small call costs as much.
    noise = draw_noise(noise_key, environment.action_space, shape)
    low, high = bounds(environment)
    uniform = jax.random.uniform(blind_key, noise.shape, minval=low, maxval=high)
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
            before = step_noise = correlated(before, step_noise, begins, correlation)
            alike = low + (high - low) * jax.scipy.stats.norm.cdf(step_noise)
            step_uniform = jnp.where(correlation > 0, alike, step_uniform)
        said = algorithm.policy(state.learned, episodes.observations, state.hyperparameters)
        # Clipped before it is remembered: what is learned from is what was done.
        action = jnp.where(blind, step_uniform, jnp.clip(said.sample(step_noise), low, high))
        episodes, seen = step_all(environment, episodes, action, step_keys)
        kept = Step(*(getattr(seen, name) for name in Step._fields))
        done = seen.terminated | seen.truncated
        told: Metrics = {
            "episode_return": mean(seen.episode_return, done),
            "episodes": count(done),
        }
        return (episodes, replay.add(memory, kept), before), told

    begun = state.episodes, state.replay, state.noise
    (episodes, memory, last), told = scan_updates(one_step, begun, (noise, uniform, keys))
    return state._replace(episodes=episodes, replay=memory, noise=last), told


def learn(
    algorithm: Algorithm, sizes: Sizes, state: OffPolicyState, key: Key
) -> tuple[Any, Metrics]:
    """The algorithm's parameters after an update's minibatches, drawn from all that is kept.

    What follows an end counts nothing; what follows a time limit's cut counts in full.
    """
    values = state.hyperparameters

    def one_batch(learned: Any, drawn: tuple[jax.Array, Key]) -> tuple[Any, Metrics]:
        number, key = drawn
        place_key, learn_key = jax.random.split(key)
        place = replay.uniform_places(place_key, state.replay, sizes.environments, sizes.batch_size)
        seen = replay.read(state.replay, place, sizes.environments, values["discount"])
        return algorithm.learn(learned, seen, number, values, learn_key)

    keys = jax.random.split(key, sizes.gradient_steps)
    numbers = jnp.arange(sizes.gradient_steps)
    return scan_updates(one_batch, state.learned, (numbers, keys))

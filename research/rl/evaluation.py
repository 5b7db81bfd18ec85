"""Evaluation of policies by whole episodes: the first of each environment, and only that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.engine.metrics import Metrics, count, mean
from research.rl.distributions import Distribution, draw_noise
from research.rl.environments.interface import Environment
from research.rl.policy import Policy, blank


class EpisodeReturns(NamedTuple):
    """The first episode of each of several environments.

    Attributes:
        episode_return: float32 `[episodes]`, the sum of its rewards.
        episode_length: int32 `[episodes]`, its steps.
        finished: bool `[episodes]`, whether it ended within the bound.
    """

    episode_return: jax.Array
    episode_length: jax.Array
    finished: jax.Array


Choice = Callable[[Distribution, Key], jax.Array]
"""(distributions `[...]` of actions, key) -> an action of each."""


def most_probable(dist: Distribution, key: Key) -> jax.Array:
    """The most probable action of each; nothing is drawn."""
    del key
    return dist.mode()


def run_episodes(
    environment: Environment,
    policy: Policy,
    key: Key,
    episodes: int,
    choose: Choice = most_probable,
    rivals: int | None = None,
) -> EpisodeReturns:
    """Plays one episode in each of `episodes` environments, or in those of each of some rivals.

    Stops when all have ended, and at the latest after `environment.longest_episode` steps. An
    environment that has ended earlier plays on uncounted: otherwise short episodes, which are
    many, would count more often than long ones.

    Args:
        environment: to act in.
        policy: to evaluate.
        key: for resets, steps and actions.
        episodes: how many.
        choose: which of a distribution's actions is taken.
        rivals: policies that are compared. All start in the same states, and chance deals them
            the same in each step, so that equal ones come out equal. Observations, actions,
            memory and results are then `[rivals, episodes, ...]`.
    """
    reset_key, loop_key = jax.random.split(key)
    states, observations = jax.vmap(environment.reset)(jax.random.split(reset_key, episodes))
    shape: tuple[int, ...] = (episodes,)
    step_all = jax.vmap(environment.step)
    if rivals is not None:
        step_all, shape = jax.vmap(step_all, in_axes=(None, 0, 0)), (rivals, episodes)
        states, observations = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (rivals, *leaf.shape)), (states, observations)
        )
    zeros = EpisodeReturns(
        jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.int32), jnp.zeros(shape, bool)
    )

    def unfinished(carry: tuple) -> jax.Array:
        step, *_, sums = carry
        return (step < environment.longest_episode) & ~jnp.all(sums.finished)

    def play(carry: tuple) -> tuple:
        step, states, observations, memory, sums = carry
        action_key, environment_key = jax.random.split(jax.random.fold_in(loop_key, step))
        # Never blank again: an environment's later episodes are not counted.
        memory, dist = policy.act(memory, observations)
        actions = choose(dist, action_key)
        keys = jax.random.split(environment_key, episodes)
        states, outcome = step_all(keys, states, actions)
        counted = ~sums.finished
        sums = EpisodeReturns(
            sums.episode_return + jnp.where(counted, outcome.reward, 0.0),
            sums.episode_length + counted.astype(jnp.int32),
            sums.finished | outcome.terminated | outcome.truncated,
        )
        return step + 1, states, outcome.observation, memory, sums

    start = (jnp.int32(0), states, observations, blank(policy.initial, shape), zeros)
    return jax.lax.while_loop(unfinished, play, start)[-1]


def half_greedy(environment: Environment, episodes: int) -> Choice:
    """Takes the most probable actions in the first half of the environments; draws the others.

    There are `2 * episodes`.
    """

    def choose(dist: Distribution, key: Key) -> jax.Array:
        best = dist.mode()
        drawn = dist.sample(draw_noise(key, environment.action_space, (2 * episodes,)))
        greedy = jnp.arange(2 * episodes) < episodes
        return jnp.where(greedy.reshape(-1, *[1] * (best.ndim - 1)), best, drawn)

    return choose


def evaluate_policy(environment: Environment, policy: Policy, key: Key, episodes: int) -> Metrics:
    """Mean return of the policy's most probable actions, and of actions drawn from it.

    Returns:
        `episode_return` (greedy), `stochastic_episode_return`, and how many episodes either is
        the mean of: `episodes`, `stochastic_episodes`.
    """
    greedy = jnp.arange(2 * episodes) < episodes
    # Both kinds in one loop: half the time of two.
    choose = half_greedy(environment, episodes)
    played = run_episodes(environment, policy, key, 2 * episodes, choose)
    return {
        "episode_return": mean(played.episode_return, greedy & played.finished),
        "stochastic_episode_return": mean(played.episode_return, ~greedy & played.finished),
        "episodes": count(greedy & played.finished),
        "stochastic_episodes": count(~greedy & played.finished),
    }

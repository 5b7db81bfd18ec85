"""Whole episodes of a trained policy on the host: counted, animated, and drawn for a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Animation, Artifact, Histogram
from research.engine.experiment import Key, State
from research.rl.environments.interface import Environment, Renderer
from research.rl.evaluation import EpisodeReturns, half_greedy, run_episodes
from research.rl.policy import Agent, Policy
from research.rl.rollout import Trajectory, collect, start

LONGEST = 1000
"""Steps of an episode in an animation at most."""
FRAME_SECONDS = 0.04
"""About how long a frame lasts; steps between are skipped."""


class Played(NamedTuple):
    """One episode on the host.

    Attributes:
        observations: float32 `[steps + 1, *observation_shape]`, the last where it ended.
        episode_return: the sum of its rewards.
        finished: whether it ended within the bound on its steps.
    """

    observations: np.ndarray
    episode_return: float
    finished: bool

    @property
    def length(self) -> int:
        """Its steps."""
        return len(self.observations) - 1


def play_episode(
    environment: Environment, policy: Policy, key: Key, longest: int
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """`longest` steps of the most probable actions in one environment.

    It goes on with another episode after the first, in which nothing of the first is forgotten.

    Returns:
        Observations acted on `[longest, ...]`, those that the actions led to, rewards `[longest]`,
        and whether the episode ended at each step.
    """
    reset_key, step_key = jax.random.split(key)

    def play(carry: tuple, step: jax.Array) -> tuple[tuple, tuple]:
        state, observation, memory = carry
        key = jax.random.fold_in(step_key, step)
        memory, dist = policy.act(memory, observation)
        state, outcome = environment.step(key, state, dist.mode())
        return (state, outcome.observation, memory), (
            observation,
            outcome.final_observation,
            outcome.reward,
            outcome.ended,
        )

    begun = (*environment.reset(reset_key), policy.initial)
    return jax.lax.scan(play, begun, jnp.arange(longest))[1]


def first_episode(
    observations: np.ndarray, after: np.ndarray, rewards: np.ndarray, ended: np.ndarray
) -> Played:
    """The first episode of what `play_episode` gave."""
    finished = bool(ended.any())
    length = int(ended.argmax()) + 1 if finished else len(ended)
    path = np.concatenate([observations[:length], after[length - 1 : length]])
    return Played(path, float(rewards[:length].sum()), finished)


def show_policy(agent: Agent, state: State, key: Key, episodes: int) -> dict[str, Artifact]:
    """An animation of one episode of the most probable actions, and a histogram of returns.

    Without a renderer there is no animation. The histogram counts so many episodes of either kind.
    """
    environment = agent.environment
    longest = min(environment.longest_episode, LONGEST)

    def play(state: State, key: Key) -> Any:
        one_key, many_key = jax.random.split(key)
        policy, choose = agent.policy(state), half_greedy(environment, episodes)
        one = play_episode(environment, policy, one_key, longest) if environment.renderer else ()
        return one, run_episodes(environment, policy, many_key, 2 * episodes, choose)

    one, many = jax.device_get(jax.jit(play)(state, key))
    made: dict[str, Artifact] = {}
    if environment.renderer:
        made["episode"] = animate(first_episode(*one), environment.renderer)
    returns = np.where(many.finished, many.episode_return, np.nan).reshape(2, episodes)
    made["returns"] = Histogram(
        "Returns of whole episodes",
        returns,
        ("most probable actions", "actions drawn from the policy"),
        "return of an episode",
        f"{episodes} episodes of either kind.",
    )
    return made


def animate(played: Played, renderer: Renderer) -> Animation:
    """An episode in the time that it takes in the world, 25 frames a second or fewer."""
    steps = played.length
    stride = max(1, round(FRAME_SECONDS / renderer.seconds))
    frames = np.append(np.arange(0, steps, stride), steps)
    ending = "it ended" if played.finished else "it goes on"
    return Animation(
        "One episode of the most probable actions",
        renderer.draw(played.observations[frames]),
        renderer.palette,
        stride * renderer.seconds,
        f"Return {played.episode_return:g}; after {steps} steps, "
        f"{steps * renderer.seconds:.1f} s, {ending}.",
    )


def play(agent: Agent, state: State, key: Key, episodes: int, *, stochastic: bool) -> list[Played]:
    """One episode in each of several environments, with all that was observed on the way.

    Actions are drawn from the policy if `stochastic`, and are its most probable ones if not.
    """
    environment = agent.environment

    def play_all(state: State, key: Key) -> Trajectory:
        start_key, step_key = jax.random.split(key)
        policy = agent.policy(state)
        begun = start(environment, start_key, episodes, policy.initial)
        longest = environment.longest_episode
        return collect(environment, policy, begun, step_key, longest, greedy=not stochastic)[1]

    steps = jax.device_get(jax.jit(play_all)(state, key))
    parts = steps.observation, steps.final_observation, steps.reward, steps.ended
    return [first_episode(*(part[:, number] for part in parts)) for number in range(episodes)]


def count(agent: Agent, state: State, key: Key, episodes: int) -> EpisodeReturns:
    """Returns of `2 * episodes` episodes: most probable actions first, then drawn ones."""

    def count_all(state: State, key: Key) -> EpisodeReturns:
        choose = half_greedy(agent.environment, episodes)
        return run_episodes(agent.environment, agent.policy(state), key, 2 * episodes, choose)

    return jax.device_get(jax.jit(count_all)(state, key))


def film(episodes: Sequence[Played], renderer: Renderer) -> Animation:
    """Episodes, at least one, one after another."""
    parts = [animate(played, renderer) for played in episodes]
    frames = np.concatenate([part.frames for part in parts])
    return parts[0]._replace(title="Episodes", frames=frames, note=" ".join(p.note for p in parts))

"""Whole episodes of a trained policy, to be watched or counted, in Encore's own environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from research.engine.artifacts import Animation
from research.engine.experiment import Key, State
from research.rl.agent import Agent
from research.rl.distributions import Distribution
from research.rl.environments.environment import Renderer
from research.rl.evaluation import EpisodeReturns, half_greedy, run_episodes
from research.rl.pictures import Played, animate, first_episode
from research.rl.policy import Memory, Policy
from research.rl.rollout import Trajectory, collect, start


class Greedy(NamedTuple):
    """A distribution whose samples are its most probable action.

    Attributes:
        dist: the distribution.
    """

    dist: Distribution

    def mode(self) -> jax.Array:
        """The most probable action of each."""
        return self.dist.mode()

    def sample(self, noise: jax.Array) -> jax.Array:
        """The most probable action, whatever the noise."""
        del noise
        return self.dist.mode()

    def log_probability(self, action: jax.Array) -> jax.Array:
        """Under `dist`, float32 `[...]`, nats."""
        return self.dist.log_probability(action)

    def entropy(self) -> jax.Array:
        """Of `dist`, float32 `[...]`, nats."""
        return self.dist.entropy()


def act_greedily(policy: Policy) -> Policy:
    """The policy that takes the most probable actions of another."""

    def act(memory: Memory, observations: jax.Array) -> tuple[Memory, Distribution]:
        memory, dist = policy.act(memory, observations)
        return memory, Greedy(dist)

    return policy._replace(act=act)


def play(agent: Agent, state: State, key: Key, episodes: int, *, stochastic: bool) -> list[Played]:
    """One episode in each of several environments, with all that was observed on the way.

    Args:
        agent: an environment and a policy in it.
        state: of the experiment.
        key: for resets, steps and actions.
        episodes: how many.
        stochastic: whether actions are drawn from the policy, instead of its most probable ones.
    """
    environment = agent.environment

    def play_all(state: State, key: Key) -> Trajectory:
        start_key, step_key = jax.random.split(key)
        policy = agent.policy(state)
        return collect(
            environment,
            policy if stochastic else act_greedily(policy),
            start(environment, start_key, episodes, policy.initial),
            step_key,
            environment.longest_episode,
        )[1]

    trajectory = jax.device_get(jax.jit(play_all)(state, key))
    ended = trajectory.terminated | trajectory.truncated
    parts = trajectory.observation, trajectory.final_observation, trajectory.reward, ended
    return [first_episode(*(part[:, number] for part in parts)) for number in range(episodes)]


def count(agent: Agent, state: State, key: Key, episodes: int) -> EpisodeReturns:
    """Returns of `2 * episodes` episodes on the host: most probable actions first, then drawn ones.

    Args:
        agent: an environment and a policy in it.
        state: of the experiment.
        key: for everything that is drawn.
        episodes: how many of either kind.
    """

    def count_all(state: State, key: Key) -> EpisodeReturns:
        choose = half_greedy(agent.environment, episodes)
        return run_episodes(agent.environment, agent.policy(state), key, 2 * episodes, choose)

    return jax.device_get(jax.jit(count_all)(state, key))


def film(episodes: Sequence[Played], renderer: Renderer) -> Animation:
    """Episodes one after another.

    Args:
        episodes: at least one.
        renderer: draws them.
    """
    parts = [animate(played, renderer) for played in episodes]
    frames = np.concatenate([part.frames for part in parts])
    return parts[0]._replace(title="Episodes", frames=frames, note=" ".join(p.note for p in parts))

"""Rollouts: a policy acts in many environments at once for a fixed number of steps."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.engine.metrics import Metrics, count, maximum, mean
from research.rl.distributions import draw_noise
from research.rl.environments.interface import Environment, EnvironmentState
from research.rl.policy import Memory, Policy, blank, forget


class Episodes(NamedTuple):
    """The environments in mid-episode.

    Attributes:
        states: the environments' states, leaves `[environments, ...]`.
        observations: float32 `[environments, *observation_shape]`, acted on next.
        episode_return: float32 `[environments]`, rewards of the running episode so far.
        episode_length: int32 `[environments]`, its steps so far.
        memory: of the policy in the running episode, leaves `[environments, ...]`;
            None where it has no memory.
    """

    states: EnvironmentState
    observations: jax.Array
    episode_return: jax.Array
    episode_length: jax.Array
    memory: Memory = None


class Trajectory(NamedTuple):
    """A rollout of `[time, environments]` steps.

    Attributes:
        observation: float32 `[time, environments, *observation_shape]`, acted on.
        action: int32 `[time, environments]`, or float32 `[time, environments, dimensions]`.
        reward: float32 `[time, environments]`.
        terminated: bool `[time, environments]`.
        truncated: bool `[time, environments]`, never together with `terminated`.
        final_observation: as `observation`: where the action led, before any reset.
        episode_return: float32 `[time, environments]`, the episode's rewards up to this step.
        episode_length: int32 `[time, environments]`, its steps up to this one.
    """

    observation: jax.Array
    action: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array
    episode_return: jax.Array
    episode_length: jax.Array

    @property
    def ended(self) -> jax.Array:
        """Bool `[time, environments]`, whether the episode ended with the step, in either way."""
        return self.terminated | self.truncated


def start(
    environment: Environment, key: Key, environments: int, initial: Memory = None
) -> Episodes:
    """Fresh episodes in `environments` environments, of a policy that begins one with `initial`."""
    states, observations = jax.vmap(environment.reset)(jax.random.split(key, environments))
    return Episodes(
        states,
        observations,
        jnp.zeros(environments, jnp.float32),
        jnp.zeros(environments, jnp.int32),
        blank(initial, (environments,)),
    )


def collect(
    environment: Environment,
    policy: Policy,
    episodes: Episodes,
    key: Key,
    steps: int,
    greedy: bool = False,
) -> tuple[Episodes, Trajectory]:
    """Acts for `steps` steps with actions drawn from the policy, which forgets where one ends.

    If `greedy`, its most probable actions are taken instead, and other chance is the same.

    Returns:
        The environments afterwards, and the trajectory.
    """
    environments = episodes.episode_return.shape[0]
    action_key, environment_key = jax.random.split(key)
    # All randomness in two calls before the loop: within it, each small call costs as much.
    noise = draw_noise(action_key, environment.action_space, (steps, environments))
    keys = jax.random.split(environment_key, (steps, environments))

    def act(episodes: Episodes, drawn: tuple[jax.Array, jax.Array]) -> tuple[Episodes, Trajectory]:
        step_noise, step_keys = drawn
        memory, dist = policy.act(episodes.memory, episodes.observations)
        action = dist.mode() if greedy else dist.sample(step_noise)
        episodes, transition = step_all(environment, episodes, action, step_keys)
        memory = forget(memory, policy.initial, transition.ended)
        return episodes._replace(memory=memory), transition

    return jax.lax.scan(act, episodes, (noise, keys))


def step_all(
    environment: Environment, episodes: Episodes, action: jax.Array, keys: jax.Array
) -> tuple[Episodes, Trajectory]:
    """One step of every environment, by actions and keys `[environments, ...]`.

    Returns:
        The environments afterwards, with the policy's memory as before, and the step: leaves
        `[environments, ...]`.
    """
    states, step = jax.vmap(environment.step)(keys, episodes.states, action)
    episode_return = episodes.episode_return + step.reward
    episode_length = episodes.episode_length + 1
    ended = step.ended
    after = Episodes(
        states,
        step.observation,
        jnp.where(ended, 0.0, episode_return),
        jnp.where(ended, 0, episode_length),
        episodes.memory,
    )
    return after, Trajectory(
        observation=episodes.observations,
        action=action,
        reward=step.reward,
        terminated=step.terminated,
        truncated=step.truncated,
        final_observation=step.final_observation,
        episode_return=episode_return,
        episode_length=episode_length,
    )


def episode_metrics(trajectory: Trajectory) -> Metrics:
    """Return, number and greatest length of the episodes that ended in a rollout."""
    ended = trajectory.ended
    return {
        "episode_return": mean(trajectory.episode_return, ended),
        "episodes": count(ended),
        "longest_episode": maximum(trajectory.episode_length, where=ended),
    }

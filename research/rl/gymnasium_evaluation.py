"""Evaluation in gymnasium's own environments of a policy that was trained in Encore's."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from research.engine import keys
from research.engine.experiment import State
from research.rl.environments.interface import Box
from research.rl.evaluation import EpisodeReturns, half_greedy
from research.rl.policy import Agent, Memory, blank

NAMES = ("Acrobot-v1", "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1")
"""Environments that gymnasium has too, under the same name and with the same observations."""


def play_in_gymnasium(agent: Agent, state: State, seed: int, episodes: int) -> EpisodeReturns:
    """Returns of `2 * episodes` episodes: most probable actions first, then drawn ones.

    Each episode has a gymnasium environment of its own, with its own time limit and its own seed.
    The name of the agent's environment is one of `NAMES`.

    Returns:
        NumPy arrays `[2 * episodes]`.

    Raises:
        ImportError: gymnasium is not installed.
    """
    import gymnasium

    space = agent.environment.action_space
    # The checker's wrapper warns of the environment's own faults, and takes time.
    worlds = [
        gymnasium.make(agent.environment.name, disable_env_checker=True)
        for _ in range(2 * episodes)
    ]
    seeds = np.random.SeedSequence(seed).generate_state(len(worlds))
    observations = np.stack(
        [world.reset(seed=int(s))[0] for world, s in zip(worlds, seeds, strict=True)]
    )
    key = keys.stream(seed, "play")

    @jax.jit
    def choose(
        state: State, memory: Memory, observations: jax.Array, step: jax.Array
    ) -> tuple[Memory, jax.Array]:
        memory, dist = agent.policy(state).act(memory, observations)
        return memory, half_greedy(agent.environment, episodes)(dist, keys.at_step(key, step))

    returns = np.zeros(len(worlds), np.float32)
    lengths = np.zeros(len(worlds), np.int32)
    going = np.ones(len(worlds), bool)
    memory = blank(agent.policy(state).initial, (len(worlds),))
    while going.any():
        memory, chosen = choose(state, memory, observations, np.int32(lengths.max()))
        actions = np.asarray(chosen)
        for number in np.flatnonzero(going):
            world = worlds[number]
            action = translate(actions[number], space, world.action_space)
            observations[number], reward, terminated, truncated, _ = world.step(action)
            returns[number] += float(reward)
            lengths[number] += 1
            going[number] = not (terminated or truncated)
    for world in worlds:
        world.close()
    arrays: tuple[Any, ...] = returns, lengths, ~going
    return EpisodeReturns(*arrays)


def translate(action: np.ndarray, space: Any, theirs: Any) -> Any:
    """An action, int32 scalar or float32 `[dimensions]`, as one of gymnasium's space.

    Vectors are clipped to Encore's bounds, which are then taken to gymnasium's: where an
    environment was wrapped so that its policy acts from -1 to 1, that is how it was trained.
    """
    if not isinstance(space, Box):
        return int(action)
    share = (np.clip(action, space.low, space.high) - space.low) / (space.high - space.low)
    return (theirs.low + share * (theirs.high - theirs.low)).astype(np.float32)

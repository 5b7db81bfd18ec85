"""Tiny environments whose values are known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from research.rl.environments.interface import Discrete, Environment, TimeStep
from tests.cli.conftest import project

__all__ = ["project"]


@pytest.fixture(autouse=True, scope="module")
def all_plainly_compiled(plainly_compiled: None) -> None:
    """Equations, all of them; those on bits are in `tests/reproducibility`."""


class Clock(NamedTuple):
    time: jax.Array
    episode: jax.Array


def _clock(length: int | Callable[[jax.Array], jax.Array], *, ends: str) -> Environment:
    """An episode of `length` steps (int, or a function of the episode's number), reward 1 each.

    `ends` is `terminated` or `truncated`. The observation is the time, that of the last step's
    end being the first again: as if the world were a ring, so that every observation that is
    valued is also acted on.
    """
    length_of = length if callable(length) else lambda episode: jnp.int32(length)

    def observe(time: jax.Array, episode: jax.Array) -> jax.Array:
        return (time % length_of(episode)).astype(jnp.float32)[None]

    def reset(key: jax.Array) -> tuple[Any, jax.Array]:
        episode = jax.random.randint(key, (), 0, 1000)
        return Clock(jnp.int32(0), episode), jnp.zeros(1, jnp.float32)

    def step(key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, TimeStep]:
        time = state.time + 1
        done = time >= length_of(state.episode)
        fresh, first = reset(key)
        after = jax.tree.map(
            lambda new, old: jnp.where(done, new, old), fresh, Clock(time, state.episode)
        )
        return after, TimeStep(
            observation=jnp.where(done, first, observe(time, state.episode)),
            reward=jnp.float32(1),
            terminated=done if ends == "terminated" else jnp.bool_(False),
            truncated=done if ends == "truncated" else jnp.bool_(False),
            final_observation=observe(time, state.episode),
        )

    return Environment("clock", reset, step, (1,), Discrete(2), 50)


@pytest.fixture(scope="session")
def clock() -> Callable[..., Environment]:
    """Makes a clock: see `_clock`."""
    return _clock


class Echo(NamedTuple):
    time: jax.Array
    cue: jax.Array


def _echo(length: int, *, ends: str) -> Environment:
    """An episode of `length` steps, each of which pays 1 or each -1, as its first observation says.

    All later observations are 0, the last one too: what is to come must be remembered.
    """

    def reset(key: jax.Array) -> tuple[Any, jax.Array]:
        cue = 2.0 * jax.random.bernoulli(key).astype(jnp.float32) - 1.0
        return Echo(jnp.int32(0), cue), cue[None]

    def step(key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, TimeStep]:
        time = state.time + 1
        done = time >= length
        fresh, first = reset(key)
        after = jax.tree.map(
            lambda new, old: jnp.where(done, new, old), fresh, Echo(time, state.cue)
        )
        nothing = jnp.zeros(1, jnp.float32)
        return after, TimeStep(
            observation=jnp.where(done, first, nothing),
            reward=state.cue,
            terminated=done if ends == "terminated" else jnp.bool_(False),
            truncated=done if ends == "truncated" else jnp.bool_(False),
            final_observation=nothing,
        )

    return Environment("echo", reset, step, (1,), Discrete(2), 50)


@pytest.fixture(scope="session")
def echo() -> Callable[..., Environment]:
    """Makes an echo: see `_echo`."""
    return _echo


@pytest.fixture(scope="session")
def lever() -> Environment:
    """An environment of one-step episodes: action 1 pays 1, action 0 nothing."""

    def reset(key: jax.Array) -> tuple[Any, jax.Array]:
        return jax.random.key_data(key)[0], jnp.ones(1, jnp.float32)

    def step(key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, TimeStep]:
        after, observation = reset(key)
        return after, TimeStep(
            observation, action.astype(jnp.float32), jnp.bool_(True), jnp.bool_(False), observation
        )

    return Environment("lever", reset, step, (1,), Discrete(2), 1)

"""The replay against a list of what was added, and places drawn from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl import replay_buffer
from research.rl.environments.interface import Box, Discrete
from research.rl.replay_buffer import Replay, Step

DISCOUNT = 0.9


def filled(steps: int, environments: int, capacity: int, seed: int) -> tuple[Replay, list[Step]]:
    """A replay and the list of all that went in, episodes ending now and then."""
    random = np.random.default_rng(seed)
    ring = replay_buffer.make_replay(jnp.zeros((environments, 1)), Discrete(3), capacity)
    history = []
    for time in range(steps):
        ending = random.integers(0, 6, environments)
        here = np.arange(environments) * 1000.0 + time
        step = Step(
            observation=here[:, None].astype(np.float32),
            action=random.integers(0, 3, environments).astype(np.int32),
            reward=random.normal(size=environments).astype(np.float32),
            terminated=ending == 0,
            truncated=ending == 1,
            final_observation=(here[:, None] + 0.5).astype(np.float32),
        )
        history.append(step)
        ring = replay_buffer.add(ring, jax.tree.map(jnp.asarray, step))
    return ring, history


def expected(history: list[Step], time: int, environment: int, lookahead: int) -> tuple:
    """The transition from that step on, step by step as the definition has it."""
    total, weight = 0.0, 1.0
    for step in history[time : time + lookahead]:
        total += weight * float(step.reward[environment])
        weight *= DISCOUNT
        final = float(step.final_observation[environment, 0])
        if step.terminated[environment]:
            return total, 0.0, final
        if step.truncated[environment]:
            break
    return total, weight, final


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(6, 25), st.integers(0, 99))
def test_every_place_that_can_be_drawn_gives_the_return_of_its_definition(
    environments: int, lookahead: int, steps: int, seed: int
) -> None:
    ring, history = filled(steps, environments, 10 * environments, seed)
    key = jax.random.key(seed)
    place = replay_buffer.uniform_places(key, ring, environments, 500, lookahead)
    seen = replay_buffer.read(ring, place, environments, DISCOUNT, lookahead)
    seen = jax.device_get(seen)
    environment, time = np.divmod(seen.observation[:, 0].astype(int), 1000)
    for index in np.unique(np.stack([environment, time]), axis=1, return_index=True)[1]:
        at = int(time[index]), int(environment[index])
        reward, discount, final = expected(history, *at, lookahead)
        assert seen.reward[index] == pytest.approx(reward, abs=1e-5)
        assert seen.discount[index] == pytest.approx(discount, abs=1e-6)
        assert seen.final_observation[index, 0] == final
        assert seen.action[index] == history[at[0]].action[at[1]]
    # All that is complete and still there, and nothing else.
    assert set(time) == set(range(max(0, steps - 10), steps - lookahead + 1))


def test_places_are_drawn_alike() -> None:
    ring, _ = filled(30, 2, 20, 0)
    place = replay_buffer.uniform_places(jax.random.key(0), ring, 2, 20_000, 1)
    counts = np.bincount(place, minlength=20)
    assert counts.min() > 850 and counts.max() < 1150  # 1000 each, five standard deviations


def test_a_replay_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        replay_buffer.make_replay(jnp.zeros((3, 1)), Discrete(2), 10)


def test_vectors_are_kept_whole_as_actions() -> None:
    space = Box(np.full(3, -1, np.float32), np.ones(3, np.float32))
    ring = replay_buffer.make_replay(jnp.zeros((2, 1)), space, 6)
    action = np.float32([[0.1, 0.2, 0.3], [-0.4, 0.5, -0.6]])
    none, rest = jnp.zeros(2, bool), jnp.zeros((2, 1))
    for _ in range(4):
        ring = replay_buffer.add(
            ring, Step(rest, jnp.asarray(action), jnp.zeros(2), none, none, rest)
        )
    seen = replay_buffer.read(ring, jnp.arange(6), 2, DISCOUNT)
    np.testing.assert_array_equal(seen.action, np.tile(action, (3, 1)))

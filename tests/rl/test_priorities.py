"""The tree of sums: it adds up, and places come as often as their priorities say."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from research.rl import priorities
from research.rl.algorithms.dqn import new_priorities
from research.rl.environments.interface import Discrete
from research.rl.replay_buffer import add, make_replay, sampleable, uniform_places
from tests.rl.test_replay_buffer import filled


def given_priorities(values: list[float]) -> priorities.Priorities:
    tree = priorities.make_priorities(len(values))
    return priorities.prioritise(tree, jnp.arange(len(values)), jnp.asarray(values, jnp.float32))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.25]), min_size=1, max_size=70))
def test_every_node_is_the_sum_of_its_children(values: list[float]) -> None:
    made = given_priorities(values)
    tree = np.asarray(made.tree)
    for node in range(1, made.size):
        assert tree[node] == tree[2 * node] + tree[2 * node + 1]
    assert tree[1] == sum(values)
    assert float(made.largest) == max(1.0, *values)


def test_of_a_place_given_twice_the_larger_stays() -> None:
    made = priorities.make_priorities(4)
    made = priorities.prioritise(made, jnp.array([2, 2, 1]), jnp.array([5.0, 3.0, 1.0]))
    assert made.tree[1] == 6.0
    made = priorities.prioritise(made, jnp.array([2]), jnp.array([0.5]))
    assert made.tree[1] == 1.5


def test_places_come_in_proportion() -> None:
    values = np.array([0.0, 1.0, 4.0, 0.0, 2.5, 0.5, 0.0])
    made = given_priorities(list(values))
    place, probability = priorities.draw(made, jax.random.key(0), 64_000)
    counts = np.bincount(place, minlength=7)
    assert not counts[values == 0].any()
    wanted = values / values.sum()
    there = values > 0
    assert stats.chisquare(counts[there], 64_000 * wanted[there]).pvalue > 0.01
    np.testing.assert_allclose(probability, wanted[place], rtol=1e-6)
    # What is held against the priorities can differ: it does from drawing all alike.
    assert stats.chisquare(counts[there], np.full(4, 16_000.0)).pvalue < 1e-6


def test_importance_undoes_the_bias() -> None:
    values = np.array([1.0, 4.0, 2.5, 0.5])
    made = given_priorities(list(values))
    worth = np.array([3.0, -1.0, 0.5, 10.0])
    place, probability = priorities.draw(made, jax.random.key(1), 100_000)
    full = np.asarray(priorities.importance(probability, jnp.int32(4), 1.0))
    assert np.average(worth[place], weights=full) == pytest.approx(worth.mean(), abs=0.05)
    none = np.asarray(priorities.importance(probability, jnp.int32(4), 0.0))
    np.testing.assert_array_equal(none, 1.0)
    assert abs(np.average(worth[place], weights=none) - worth.mean()) > 0.5
    assert full.max() == 1.0


@pytest.mark.parametrize("steps", [1, 3, 9, 10, 11, 24])
@pytest.mark.parametrize("lookahead", [1, 3])
def test_what_has_priority_is_what_can_be_read(steps: int, lookahead: int) -> None:
    environments, capacity = 2, 20
    _, history = filled(steps, environments, capacity, 0)
    ring = make_replay(jnp.zeros((2, 1)), Discrete(3), capacity)
    ranks = priorities.make_priorities(capacity)
    for step in history:
        ranks = new_priorities(ranks, ring, environments, lookahead)
        ring = add(ring, jax.tree.map(jnp.asarray, step))
    leaves = np.asarray(ranks.tree)[ranks.size :]
    readable = int(sampleable(ring, environments, lookahead))
    assert np.count_nonzero(leaves) == readable == leaves.sum()
    if readable:
        place = uniform_places(jax.random.key(0), ring, environments, 1000, lookahead)
        assert set(np.flatnonzero(leaves)) == set(np.asarray(place).tolist())

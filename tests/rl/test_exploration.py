"""Exploration: probabilities that are ones, and never of what is not possible."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl.exploration import decay, epsilon_greedy, softmax, uniform, with_bonus


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50, width=32), st.booleans()), min_size=1, max_size=6),
    st.floats(0, 1, width=32),
)
def test_probabilities(actions, epsilon):
    values = jnp.array([value for value, _ in actions], jnp.float32)
    possible = jnp.array([allowed for _, allowed in actions]).at[0].set(True)
    for probability in (
        uniform(possible),
        epsilon_greedy(values, possible, epsilon),
        softmax(values, possible, 2.0),
    ):
        assert probability.sum() == pytest.approx(1, abs=1e-5)
        assert (probability >= 0).all() and not probability[~possible].any()


def test_epsilon_greedy_shares_among_equals():
    values = jnp.array([1.0, 3.0, 3.0, 9.0])
    possible = jnp.array([True, True, True, False])
    found = epsilon_greedy(values, possible, 0.3)
    np.testing.assert_allclose(found, [0.1, 0.45, 0.45, 0.0], rtol=1e-6)


def test_softmax_is_the_definition():
    values = np.array([1.0, -2.0, 0.5])
    expected = np.exp(values / 0.7) / np.exp(values / 0.7).sum()
    found = softmax(jnp.asarray(values, jnp.float32), jnp.ones(3, bool), 0.7)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_bonus_fades_with_visits():
    found = with_bonus(jnp.array([1.0, 1.0]), jnp.array([0, 3]), 8.0)
    np.testing.assert_allclose(found, [9.0, 3.0])


def test_step_sizes_fall():
    assert decay(0.5, 0.1, jnp.int32(10)) == pytest.approx(0.25)
    assert decay(0.5, 0.0, jnp.int32(10)) == pytest.approx(0.5)

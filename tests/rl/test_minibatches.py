"""Gradient steps on a rollout: groups against the whole of it; minibatches hold each example."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.optimization.descent import begin_training, descend
from research.rl.minibatches import (
    descend_over_groups,
    descend_over_minibatches,
    shuffled_minibatches,
)


def mean_error(params, examples):
    error = jnp.mean((examples["x"] @ params - examples["y"]) ** 2)
    return error, {"error": error, "x": jnp.mean(examples["x"])}


def examples_of(groups):
    chance = np.random.default_rng(0)
    shapes = {"x": (groups, 24 // groups, 3), "y": (groups, 24 // groups)}
    return {name: jnp.float32(chance.standard_normal(shape)) for name, shape in shapes.items()}


@pytest.mark.parametrize("groups", [1, 4])
def test_a_step_over_groups_is_one_on_all_examples(groups):
    optimizer, examples = optax.adam(0.1), examples_of(groups)
    trained = begin_training(jnp.ones(3), optimizer)
    after, means = descend_over_groups(
        mean_error, trained, optimizer, groups, examples, jax.random.key(0)
    )
    whole = {name: leaf.reshape(24, *leaf.shape[2:]) for name, leaf in examples.items()}
    expected, (_, seen) = descend(lambda p: mean_error(p, whole), trained, optimizer, has_aux=True)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # noqa: E731
    jax.tree.map(close, (after, means), (expected, seen))


def test_minibatches_are_stepped_down_one_after_the_other():
    """Two passes without an order are two steps on all; an order makes other steps."""
    optimizer, examples, key = optax.adam(0.1), examples_of(2), jax.random.key(0)
    trained = begin_training(jnp.ones(3), optimizer)
    twice, errors = descend_over_minibatches(
        mean_error, trained, optimizer, 2, examples, None, key, steps=2
    )
    expected = trained
    for step in range(2):
        expected, means = descend_over_groups(mean_error, expected, optimizer, 2, examples, key)
        np.testing.assert_allclose(errors["error"][step], means["error"], rtol=1e-5)
    np.testing.assert_allclose(twice.params, expected.params, rtol=1e-5)
    chosen = shuffled_minibatches(key, 24, 12, 1, 2)
    other, _ = descend_over_minibatches(mean_error, trained, optimizer, 2, examples, chosen, key)
    assert not np.allclose(other.params, twice.params, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([4, 8, 12]),
    epochs=st.integers(1, 4),
    groups=st.sampled_from([1, 2, 4]),
)
def test_every_pass_holds_each_example_of_each_group_once(seed, size, epochs, groups):
    indices = np.asarray(shuffled_minibatches(jax.random.key(seed), 24, size, epochs, groups))
    assert indices.shape == (epochs * 24 // size, groups, size // groups)
    for group in range(groups):
        for one_pass in indices[:, group].reshape(epochs, 24 // groups):
            np.testing.assert_array_equal(np.sort(one_pass), np.arange(24 // groups))


def test_groups_are_shuffled_each_in_its_own_way():
    first, second = np.asarray(shuffled_minibatches(jax.random.key(0), 48, 48, 1, 2))[0]
    assert (first != second).any()


def test_orders_differ_and_are_uniform():
    """Over 4,000 passes each of 6 examples comes to each place 4000/6 ± 5 standard errors."""
    passes = np.asarray(shuffled_minibatches(jax.random.key(0), 6, 3, 4000)).reshape(4000, 6)
    seen = np.stack([(passes == example).sum(0) for example in range(6)])
    assert np.abs(seen - 4000 / 6).max() < 5 * np.sqrt(4000 * (1 / 6) * (5 / 6))
    assert len(np.unique(passes, axis=0)) > 700

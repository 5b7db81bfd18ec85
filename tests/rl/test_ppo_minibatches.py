from __future__ import annotations

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl.descent import shuffled_minibatches


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

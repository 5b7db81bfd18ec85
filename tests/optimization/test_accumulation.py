"""Accumulated gradients against the gradient of the whole batch, weights and keys included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine import metrics
from research.optimization.accumulation import WeightedLoss, make_gradient

PARAMS = {"kernel": jnp.linspace(-1, 1, 12).reshape(3, 4), "bias": jnp.zeros(4)}


def squared_error(params, batch, key):
    del key
    error = batch["x"] @ params["kernel"] + params["bias"] - batch["y"]
    seen = metrics.mean(jnp.sum(error**2, 1), batch["weight"])
    return WeightedLoss(seen.total, seen.weight, {"loss": seen})


def batch_of(weight, seed=0):
    chance = np.random.default_rng(seed)
    size = len(weight)
    return {
        "x": jnp.float32(chance.standard_normal((size, 3))),
        "y": jnp.float32(chance.standard_normal((size, 4))),
        "weight": jnp.float32(weight),
    }


def whole_batch(batch):
    """The gradient of the mean over rows of weight, written the plain way."""

    def mean(params):
        seen = squared_error(params, batch, None)
        return seen.total / seen.weight

    return jax.grad(mean)(PARAMS)


@settings(max_examples=15, deadline=None)
@given(
    weight=st.lists(st.sampled_from([0.0, 1.0, 0.5]), min_size=12, max_size=12).filter(any),
    parts=st.sampled_from([1, 2, 3, 4, 12]),
    seed=st.integers(0, 99),
)
def test_any_number_of_parts_gives_the_gradient_of_the_whole(weight, parts, seed):
    batch = batch_of(weight, seed)
    gradient, seen, *_ = make_gradient(squared_error, parts)(PARAMS, batch, jax.random.key(0))
    expected = whole_batch(batch)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), gradient, expected
    )
    np.testing.assert_allclose(seen["loss"].weight, sum(weight))


def test_the_mean_of_the_parts_means_would_be_wrong():
    """The negative control: weights that lie in one part make the naive rule differ."""
    batch = batch_of([1, 1, 1, 1, 1, 0, 0, 0])
    halves = [jax.tree.map(lambda leaf, i=i: leaf[i : i + 4], batch) for i in (0, 4)]
    naive = jax.tree.map(lambda a, b: (a + b) / 2, *map(whole_batch, halves))
    right, *_ = make_gradient(squared_error, 2)(PARAMS, batch, jax.random.key(0))
    assert not np.allclose(naive["kernel"], right["kernel"], rtol=1e-2)


def test_padded_rows_count_nothing_whatever_they_hold():
    batch = batch_of([1, 1, 1, 0])
    other = batch | {"x": batch["x"].at[3].set(1e3)}
    one, two = (
        make_gradient(squared_error, 2)(PARAMS, b, jax.random.key(0))[0] for b in (batch, other)
    )
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_no_weight_at_all_gives_zeros():
    gradient, *_ = make_gradient(squared_error, 2)(PARAMS, batch_of([0] * 4), jax.random.key(0))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_statistics_are_means_over_groups_by_weight_and_padding_has_none():
    def loss(params, batch, key):
        seen = squared_error(params, batch, key)
        mean = jnp.sum(batch["x"][:, 0] * batch["weight"]) / jnp.sum(batch["weight"])
        return seen._replace(statistics={"mean": mean})

    batch = batch_of([1, 1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0, 0])
    found = make_gradient(loss, 3)(PARAMS, batch, jax.random.key(0))
    x = np.asarray(batch["x"][:, 0])
    np.testing.assert_allclose(
        found.statistics["mean"], (4 * x[:4].mean() + 0.5 * x[4]) / 4.5, rtol=1e-5
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.gradient))


def test_each_part_has_a_key_of_its_own():
    def noise(params, batch, key):
        draw = jax.random.uniform(key)
        total = draw * jnp.sum(params["bias"])
        return WeightedLoss(total, jnp.float32(1), {"draw": metrics.maximum(draw)})

    key = jax.random.key(3)
    gradient, seen, *_ = make_gradient(noise, 4)(PARAMS, batch_of([1] * 4), key)
    draws = [jax.random.uniform(jax.random.fold_in(key, index)) for index in range(4)]
    np.testing.assert_allclose(gradient["bias"], np.mean(draws), rtol=1e-6)
    assert seen["draw"].value == max(draws) and len(set(map(float, draws))) == 4


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="divide"):
        make_gradient(squared_error, 3)(PARAMS, batch_of([1] * 4), jax.random.key(0))

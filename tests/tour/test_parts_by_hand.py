"""Parts that are written by hand, against libraries and by their properties."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.tour import streaming
from research.tour.layers import glorot_normal, layer_norm, softplus, stable_softplus
from research.tour.losses import absolute_penalty, huber, made_nonnegative
from research.tour.optimizers import momentum

pytestmark = pytest.mark.usefixtures("plainly_compiled")
NUMBERS = st.floats(-50, 50, width=32)


COUNT = jax.jit(streaming.count_errors)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=16, max_size=16)
"""Of one length: another is compiled anew."""


@settings(max_examples=20)
@given(PAIRS, st.floats(0.125, 4))
def test_huber_is_optaxs(pairs, delta):
    predicted, value = np.array(pairs, np.float32).T
    theirs = optax.huber_loss(predicted, value, delta=delta)
    np.testing.assert_allclose(huber(predicted, value, delta), theirs, rtol=1e-5, atol=1e-6)


def test_layer_norm_has_mean_zero_and_deviation_one_whatever_the_scale():
    x = jax.random.normal(jax.random.key(0), (50, 30)) * 1e4 + 1e5
    found = np.asarray(layer_norm({"scale": jnp.ones(30), "bias": jnp.zeros(30)}, x), np.float64)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=1), 1, atol=1e-5)
    moved = layer_norm({"scale": 2 * jnp.ones(30), "bias": jnp.ones(30)}, x)
    np.testing.assert_allclose(moved, 2 * found + 1, atol=1e-5)


def test_softplus_has_the_right_slope_everywhere():
    for x in (-1e3, -1.0, 0.0, 1.0, 1e3):
        assert jax.grad(softplus)(x) == pytest.approx(jax.nn.sigmoid(x))
        assert softplus(x) == pytest.approx(np.logaddexp(0, x), rel=1e-6)
    assert jax.grad(stable_softplus)(0.0) != 0.5, "the control: without a derivative of its own"


def test_glorot_has_the_variance_of_the_paper():
    weights = np.asarray(glorot_normal(jax.random.key(1), (400, 600)))
    assert weights.var() == pytest.approx(2 / 1000, rel=0.02)
    assert np.abs(weights).max() < 2.3 * (2 / 1000) ** 0.5


def test_the_penalty_draws_to_zero_and_the_constraint_is_a_projection():
    kernel = jnp.array([[1.0, -2.0, 0.0]])
    assert absolute_penalty(kernel, 0.1) == pytest.approx(0.3)
    np.testing.assert_allclose(jax.grad(absolute_penalty)(kernel, 0.1), [[0.1, -0.1, 0.1]])
    once = made_nonnegative({"kernel": kernel, "bias": jnp.array([-1.0])})
    np.testing.assert_array_equal(once["kernel"], [[1.0, 0.0, 0.0]])
    assert once["bias"] == -1.0
    np.testing.assert_array_equal(made_nonnegative(once)["kernel"], once["kernel"])


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_momentum_is_optaxs_to_the_bit(decay):
    params = {"w": jnp.arange(12.0).reshape(3, 4), "b": jnp.ones(4)}

    def after(optimizer):
        def step(_, state):
            params, memory = state
            gradient = jax.tree.map(jnp.sin, params)
            changes, memory = optimizer.update(gradient, memory)
            return optax.apply_updates(params, changes), memory

        return jax.lax.fori_loop(0, 50, step, (params, optimizer.init(params)))[0]

    ours, theirs, other = (
        after(each)
        for each in (
            momentum(0.05, decay),
            optax.sgd(0.05, momentum=decay),
            optax.sgd(0.05, momentum=decay + 1e-3),
        )
    )
    for name in params:
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert (ours[name] != other[name]).any(), "the control"


@settings(max_examples=15)
@given(st.integers(1, 60), st.sampled_from([1, 7, 64]), st.randoms(use_true_random=False))
def test_the_streamed_median_is_the_same_for_all_batches(examples, batch_size, chance):
    size = np.array([chance.uniform(0, 7.9) for _ in range(examples)], np.float32)
    total = streaming.ErrorCounts(jnp.zeros(streaming.BINS))
    rows = np.arange(-(-examples // batch_size) * batch_size)
    for part in rows.reshape(-1, batch_size):
        weight = (part < examples).astype(np.float32)
        errors = size[np.where(part < examples, part, 0)]
        # What fills a batch up may be anything.
        errors = np.where(weight > 0, errors, 5.0).astype(np.float32)
        counts = COUNT(errors, np.zeros_like(errors), weight)
        total = streaming.merge(total, counts)
    assert total.counts.sum() == examples
    found = float(streaming.median_error(total))
    middle = np.sort(size)[(examples - 1) // 2]
    assert 0 <= found - middle <= streaming.WIDEST / streaming.BINS + 1e-6

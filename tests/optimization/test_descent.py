"""Steps against optax and closed forms; gradients over groups against the whole batch; averages."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine import metrics
from research.optimization.descent import (
    Trained,
    WeightedLoss,
    apply_gradient,
    begin_training,
    descend,
    make_gradient,
    polyak,
    update_average,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")

PARAMS = {"kernel": jnp.linspace(-1, 1, 12).reshape(3, 4), "bias": jnp.zeros(4)}


def same(one, other):
    """Bit for bit, leaf by leaf."""
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_a_step_of_plain_descent_is_the_closed_form():
    """Of c / 2 |x - m|² at a rate r, n steps leave (1 - r c)^n of the distance to m."""
    curvature, minimum, rate, start = 0.5, jnp.array([1.0, -2.0]), 0.3, jnp.array([4.0, 4.0])
    trained = begin_training(start, optax.sgd(rate))
    for _ in range(5):
        before = trained.params
        trained, loss = descend(
            lambda x: curvature / 2 * jnp.sum((x - minimum) ** 2), trained, optax.sgd(rate)
        )
        np.testing.assert_allclose(loss, curvature / 2 * np.sum((before - minimum) ** 2), rtol=1e-6)
    left = (1 - rate * curvature) ** 5 * (start - minimum)
    np.testing.assert_allclose(trained.params - minimum, left, rtol=1e-5)


def test_many_steps_are_those_of_optax_by_hand():
    """With a decay of weights too, for which an optimiser needs the parameters."""
    batch, optimizer = batch_of([1] * 8), optax.adamw(0.1, weight_decay=0.1)

    def loss(params):
        found = squared_error(params, batch, None)
        return found.total / found.weight, found.metrics

    trained, params, opt_state = begin_training(PARAMS, optimizer), PARAMS, optimizer.init(PARAMS)
    for _ in range(4):
        trained, (value, seen) = descend(loss, trained, optimizer, has_aux=True)
        (expected, _), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        changes, opt_state = optimizer.update(gradient, opt_state, params)
        params = optax.apply_updates(params, changes)
        assert value == expected and seen["loss"].weight == 8
    same(trained, Trained(params, opt_state))


def test_two_optimisers_in_one_update_change_their_own_parameters_alone():
    """Both losses are of both networks, and each descends its own: a game of x and y."""
    fast, slow = optax.sgd(0.1, momentum=0.9), optax.adam(0.01)
    x = begin_training({"x": jnp.float32(1)}, fast)
    y = begin_training({"y": jnp.float32(2)}, slow)
    x_after, _ = descend(lambda x: x["x"] * y.params["y"], x, fast)
    y_after, value = descend(lambda y: -x_after.params["x"] * y["y"], y, slow)
    np.testing.assert_allclose(x_after.params["x"], 1 - 0.1 * 2, rtol=1e-6)
    np.testing.assert_allclose(value, -0.8 * 2, rtol=1e-6)  # of x after its step
    np.testing.assert_allclose(y_after.params["y"], 2 + 0.01, rtol=1e-4)  # Adam's first step
    same(y, begin_training({"y": jnp.float32(2)}, slow))
    # The negative control: one optimiser of both would move both down the one loss.
    both = begin_training({**x.params, **y.params}, fast)
    moved, _ = descend(lambda both: both["x"] * both["y"], both, fast)
    assert moved.params["x"] != 1 and moved.params["y"] < 2


def test_a_step_of_a_gradient_over_groups_is_that_of_the_whole_batch():
    batch, optimizer = batch_of([1, 1, 0.5, 1, 0, 1, 1, 0]), optax.sgd(0.1)
    found = make_gradient(squared_error, 4)(PARAMS, batch, jax.random.key(0))
    stepped = apply_gradient(begin_training(PARAMS, optimizer), found.gradient, optimizer)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, PARAMS, whole_batch(batch))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        stepped.params,
        expected,
    )


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


def test_what_follows_at_a_constant_rate_leaves_the_closed_form_behind():
    """n steps after a constant: (1 - τ)^n of the distance is left; τ = 1 is a copy, 0 nothing."""
    params, follower = {"w": jnp.array([3.0, -1.0])}, {"w": jnp.zeros(2)}
    for _ in range(5):
        follower = polyak(params, follower, 0.1)
    np.testing.assert_allclose(follower["w"], (1 - 0.9**5) * params["w"], rtol=1e-6)
    same(polyak(params, follower, 1.0), params)
    same(polyak(params, follower, 0.0), follower)


def averaged(params, decay):
    average = {"a": jnp.float32(params[0])}
    for step, value in enumerate(params[1:]):
        average = update_average(average, {"a": jnp.float32(value)}, decay, step)
    return float(average["a"])


def test_it_is_the_weighted_sum_that_its_decays_say():
    values = np.random.default_rng(0).standard_normal(60)
    decay = 0.8
    weights = np.array([1.0])
    for step in range(59):
        now = min(decay, (1 + step) / (10 + step))
        weights = np.append(weights * now, 1 - now)
    assert abs(weights.sum() - 1) < 1e-12
    np.testing.assert_allclose(averaged(values, jnp.float32(decay)), weights @ values, rtol=1e-4)


def test_a_constant_stays_and_no_decay_is_the_last_value():
    assert averaged([2.0] * 10, jnp.float32(0.99)) == 2.0
    assert averaged([5.0, 1.0, 7.0], jnp.float32(0.0)) == 7.0


def test_the_initial_value_is_soon_forgotten_though_the_decay_is_large():
    after = averaged([1000.0] + [0.0] * 100, jnp.float32(0.9999))
    assert abs(after) < 1e-3

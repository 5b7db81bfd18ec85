"""The moving average against its closed form."""

import jax.numpy as jnp
import numpy as np

from research.optimization.averaging import update_average


def run(params, decay):
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
    np.testing.assert_allclose(run(values, jnp.float32(decay)), weights @ values, rtol=1e-4)


def test_a_constant_stays_and_no_decay_is_the_last_value():
    assert run([2.0] * 10, jnp.float32(0.99)) == 2.0
    assert run([5.0, 1.0, 7.0], jnp.float32(0.0)) == 7.0


def test_the_initial_value_is_soon_forgotten_though_the_decay_is_large():
    after = run([1000.0] + [0.0] * 100, jnp.float32(0.9999))
    assert abs(after) < 1e-3

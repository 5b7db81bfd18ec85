"""Numeric policies: which leaves are cast, and to what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.optimization.precision import PRECISIONS


@pytest.mark.parametrize("name, dtype", [("float32", jnp.float32), ("bfloat16", jnp.bfloat16)])
def test_floats_are_cast_and_nothing_else(name, dtype):
    tree = {
        "kernel": jnp.ones(3, jnp.float32),
        "half": jnp.ones(3, jnp.bfloat16),
        "label": jnp.ones(3, jnp.int32),
        "mask": jnp.ones(3, bool),
        "key": jax.random.key(0),
    }
    cast = PRECISIONS[name].for_compute(tree)
    assert cast["kernel"].dtype == cast["half"].dtype == dtype
    for untouched in ("label", "mask", "key"):
        assert cast[untouched].dtype == tree[untouched].dtype
    back = PRECISIONS[name].for_loss(cast)
    assert back["kernel"].dtype == back["half"].dtype == jnp.float32


def test_gradients_through_a_cast_are_float32_and_near():
    weights, x = jax.random.normal(jax.random.key(0), (8,)), jnp.linspace(-1, 1, 8)

    def loss(weights, policy):
        product = policy.for_compute(weights) * policy.for_compute(x)
        return jnp.sum(policy.for_loss(product) ** 2)

    exact, rough = (jax.grad(loss)(weights, PRECISIONS[n]) for n in ("float32", "bfloat16"))
    assert exact.dtype == rough.dtype == jnp.float32
    assert not np.array_equal(exact, rough)
    np.testing.assert_allclose(exact, rough, atol=0.03 * float(jnp.abs(exact).max()))

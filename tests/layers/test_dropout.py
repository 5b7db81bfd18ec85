"""Dropout: its rate, its mean, its key, and that the rate is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.dropout import dropout

pytestmark = pytest.mark.usefixtures("plainly_compiled")


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5])
def test_the_share_dropped_is_the_rate_and_the_mean_is_kept(rate):
    size = 100_000
    y = np.asarray(dropout(jnp.ones(size), rate, jax.random.key(0)))
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1 / (1 - rate))}
    spread = np.sqrt(rate * (1 - rate) / size)
    assert abs((y == 0).mean() - rate) <= 5 * spread
    assert abs(y.mean() - 1) <= 5 * spread / (1 - rate) + 1e-5


def test_another_key_drops_others_and_the_same_key_the_same():
    x = jnp.ones(1000)
    one, again, other = (dropout(x, 0.5, jax.random.key(k)) for k in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert 0.4 < np.mean(np.asarray(one != other)) < 0.6


def test_the_rate_is_traced_and_the_dtype_kept():
    jitted = jax.jit(dropout)
    x = jnp.ones(64, jnp.bfloat16)
    for rate in (0.1, 0.9):
        assert jitted(x, rate, jax.random.key(0)).dtype == jnp.bfloat16
    assert jitted._cache_size() == 1


def test_where_the_rate_is_mostly_0_nothing_is_drawn_for_it_and_the_rest_is_the_same():
    x, key = jnp.linspace(-1.0, 1.0, 1000), jax.random.key(0)
    asked = jax.jit(lambda rate: dropout(x, rate, key, mostly_zero=True))
    np.testing.assert_array_equal(asked(0.0), x)
    np.testing.assert_array_equal(asked(0.3), jax.jit(lambda rate: dropout(x, rate, key))(0.3))
    text = asked.lower(0.0).as_text()
    assert "case" in text and text.index("case") < text.index("uniform")  # drawn in a branch alone
    both = jax.vmap(lambda rate: dropout(x, rate, key, mostly_zero=True))(jnp.float32([0.0, 0.3]))
    np.testing.assert_allclose(both, jnp.stack([asked(0.0), asked(0.3)]), rtol=1e-6)

    def gradient(mostly_zero, rate):
        return jax.grad(lambda x: jnp.sum(dropout(x, rate, key, mostly_zero=mostly_zero) ** 2))(x)

    for rate in (0.0, 0.3):
        np.testing.assert_allclose(gradient(True, rate), gradient(False, rate), rtol=1e-6)

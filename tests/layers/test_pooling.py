"""Pooling against flax and PyTorch; ties as documented."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.layers.pooling import max_pool

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def distinct(shape, seed=0):
    """No two values equal, so that the gradient of a maximum is unique."""
    values = np.random.default_rng(seed).permutation(int(np.prod(shape)))
    return values.reshape(shape).astype(np.float32)


@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(3, 9), width=st.integers(3, 9), window=st.integers(1, 3), seed=st.integers(0)
)
def test_values_and_gradients_are_those_of_flax(height, width, window, seed):
    x = distinct((2, height, width, 3), seed % 1000)
    size = (window, window)
    mine, my_pullback = jax.vjp(lambda x: max_pool(x, window), x)
    other, other_pullback = jax.vjp(lambda x: nn.max_pool(x, size, size), x)
    assert mine.shape == (2, height // window, width // window, 3)
    np.testing.assert_allclose(mine, other, rtol=1e-6)
    cotangent = distinct(mine.shape, 1)
    np.testing.assert_allclose(my_pullback(cotangent)[0], other_pullback(cotangent)[0], rtol=1e-6)


@pytest.mark.parametrize("size", [(6, 6), (7, 5)])
def test_pytorch_agrees(size):
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    x = distinct((2, *size, 3))
    value, pullback = jax.vjp(max_pool, x)
    their_x = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    their_value = torch.nn.functional.max_pool2d(their_x, 2)
    cotangent = distinct(value.shape, 1)
    their_value.backward(torch.tensor(cotangent.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(value, their_value.detach().numpy().transpose(0, 2, 3, 1))
    np.testing.assert_allclose(
        pullback(cotangent)[0], their_x.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-6
    )


def test_four_equal_values_get_a_quarter_each_and_two_a_half():
    gradient = jax.grad(lambda x: jnp.sum(max_pool(x)))
    np.testing.assert_array_equal(gradient(jnp.zeros((1, 2, 2, 1))).ravel(), [0.25] * 4)
    two = jnp.array([1.0, 0.0, 0.0, 1.0]).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(gradient(two).ravel(), [0.5, 0, 0, 0.5])


def test_no_scatter_and_no_window_reduction_in_the_gradient():
    def text(pool):
        gradient = jax.grad(lambda x: jnp.sum(pool(x) ** 2))
        return jax.jit(gradient).lower(jnp.zeros((2, 7, 7, 3))).as_text()

    slow = ("select_and_scatter", "reduce_window")
    assert not any(word in text(max_pool) for word in slow)
    assert any(word in text(lambda x: nn.max_pool(x, (2, 2), (2, 2))) for word in slow)


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        max_pool(jnp.zeros((1, 1, 4, 1)))

"""A stage is computed once, whatever consumes it; that rests on the compiler, and is watched."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.winograd_block import opaque_true, stage

VALUES = [0.0, -0.0, 1.0, -1.0, 1e-45, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("value", VALUES)
def test_the_predicate_is_true_of_every_value(value):
    assert jax.jit(opaque_true)(jnp.full((2, 3), value, jnp.float32))


def test_the_predicate_is_true_of_every_pattern_of_bits():
    bits = np.array([0, -1, 1, -2, 2**31 - 1, -(2**31)], np.int32)
    for pattern in bits.view(np.float32):
        assert opaque_true(jnp.asarray(pattern)[None])


def test_members_of_a_vmap_share_one_predicate():
    """A batched predicate would turn the branch into a select, which keeps nothing apart."""
    text = str(
        jax.make_jaxpr(
            jax.vmap(lambda x: stage(lambda: jnp.sin(x), opaque_true(x))),
        )(jnp.ones((5, 2)))
    )
    assert "cond[" in text
    assert jax.vmap(opaque_true, out_axes=None)(jnp.ones((5, 2))).shape == ()


def sines(apart):
    """How many sines stand in the compiled loop: one value of eight consumers."""

    def step(x):
        make = lambda: [jnp.sin(x * k) for k in (1.0, 2.0)]  # noqa: E731
        first, second = stage(make, opaque_true(x)) if apart else make()
        return sum(
            jnp.roll(jax.lax.dot(first + i * second, second - i * first), 1) for i in range(4)
        )

    loop = jax.jit(lambda x, n: jax.lax.fori_loop(0, n, lambda i, x: step(x), x))
    text = loop.lower(jnp.ones((64, 64)), jnp.int32(3)).compile().as_text()
    return text.count(" sine(")


def test_a_stage_is_computed_once():
    assert sines(apart=True) == 2


def test_without_a_stage_it_is_computed_for_each_consumer():
    """The negative control. Should this fail, XLA has learnt to share: try without stages."""
    assert sines(apart=False) > 8


def test_values_and_gradients_pass_through():
    x = jnp.arange(6.0).reshape(2, 3)

    def through(x):
        return jnp.sum(stage(lambda: {"a": x**2, "b": jnp.cos(x)}, opaque_true(x))["a"] ** 2)

    np.testing.assert_array_equal(through(x), jnp.sum(x**4))
    np.testing.assert_allclose(jax.grad(through)(x), 4 * x**3, rtol=1e-6)

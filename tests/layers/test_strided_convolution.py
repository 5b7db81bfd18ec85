"""Convolutions in steps of more than one, as convolutions in steps of one over blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from research.layers.convolution_block import convolution_block, unstrided, winograd_pays

pytestmark = pytest.mark.usefixtures("plainly_compiled")
along = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))


@settings(max_examples=15, deadline=None)
@given(
    size=st.tuples(st.integers(6, 9), st.integers(6, 9)),
    window=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_steps_over_pixels_are_steps_of_one_over_blocks(size, window, strides, pads, channels):
    """Of whole numbers, whose sums are exact."""
    drawn = np.random.default_rng(0)
    x, kernel = (
        jnp.asarray(drawn.integers(-3, 4, shape), jnp.float32)
        for shape in ((2, *size, channels[0]), (*window, *channels))
    )
    blocks, taps = unstrided(x, kernel, strides, pads)
    np.testing.assert_array_equal(
        along(blocks, taps, (1, 1), "VALID"), along(x, kernel, strides, pads)
    )


def plain(x: Any, kernel: Any, bias: Any, relu: bool) -> jax.Array:
    y = along(x, kernel, (2, 2), "SAME") + bias
    return jnp.maximum(y, 0) if relu else y


def value_and_gradients(
    block: Callable[..., jax.Array], inputs: Sequence[Any], cotangent: Any
) -> list[Any]:
    @jax.jit
    def both(inputs: Sequence[Any], cotangent: Any) -> list[Any]:
        value, back = jax.vjp(block, *inputs)
        return [value, *back(cotangent)]

    return [np.asarray(a) for a in both(inputs, cotangent)]


def test_a_convolution_in_steps_of_two_goes_by_blocks() -> None:
    """As the second layer of a DCGAN's discriminator, on smaller images; against float64."""
    drawn = np.random.default_rng(0)
    inputs = [
        drawn.standard_normal(shape).astype(np.float32)
        for shape in ((3, 8, 8, 32), (5, 5, 32, 32), (32,), (3, 4, 4, 32))
    ]
    *inputs, cotangent = inputs
    x, kernel, bias = inputs
    assert winograd_pays(x, kernel, (2, 2), "SAME")
    assert not winograd_pays(x, kernel[:4, :4], (2, 2), "SAME"), "of two taps a block"
    ours = partial(convolution_block, strides=(2, 2))
    # Only where both agree that a value is above 0.
    cotangent = cotangent * (np.abs(plain(x, kernel, bias, False)) > 1e-3)
    found = value_and_gradients(ours, inputs, cotangent)
    with jax.enable_x64(True):
        exact = [a.astype(np.float64) for a in inputs]
        expected = value_and_gradients(
            partial(plain, relu=True), exact, cotangent.astype(np.float64)
        )
    for one, other in zip(found, expected, strict=True):
        assert np.max(np.abs(one - other)) < 1e-5 * np.max(np.abs(other))


def test_it_is_differentiated_twice_as_a_gradient_penalty_does() -> None:
    """Without ReLU, whose second derivative jumps where the two round to different signs."""
    drawn = np.random.default_rng(0)
    x, kernel, bias = (
        drawn.standard_normal(shape).astype(np.float32)
        for shape in ((3, 8, 8, 32), (5, 5, 32, 32), (32,))
    )

    def slope(x: jax.Array, block: Callable[..., jax.Array]) -> jax.Array:
        gradient = jax.grad(lambda x: jnp.sum(jnp.sin(0.01 * block(x, kernel, bias))))(x)
        return jnp.sum(gradient**2)

    ours = partial(convolution_block, strides=(2, 2), relu=False)
    blocks = (ours, partial(plain, relu=False))
    found, expected = (jax.jit(jax.grad(partial(slope, block=block)))(x) for block in blocks)
    assert np.max(np.abs(expected)) > 0
    assert np.max(np.abs(found - expected)) < 1e-4 * np.max(np.abs(expected))

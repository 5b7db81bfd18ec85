"""A convolution by patches against XLA's, and its gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.layers.convolution import convolve_patches
from research.layers.convolution_block import Convolution

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def reference(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@settings(max_examples=10, deadline=None)
@given(
    batch=st.integers(1, 3),
    height=st.integers(3, 7),
    width=st.integers(3, 7),
    inputs=st.integers(1, 4),
    outputs=st.integers(1, 4),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
)
def test_it_is_the_convolution(batch, height, width, inputs, outputs, rows, columns):
    x = jax.random.normal(jax.random.key(0), (batch, height, width, inputs))
    kernel = jax.random.normal(jax.random.key(1), (rows, columns, inputs, outputs))
    found = convolve_patches(x, kernel)
    np.testing.assert_allclose(found, reference(x, kernel), rtol=1e-4, atol=1e-4)
    if rows * columns > 1:  # control: the kernel turned around is another one
        turned = convolve_patches(x, kernel[::-1, ::-1])
        assert np.abs(turned - found).max() > 1e-3


@pytest.mark.parametrize("inputs, outputs", [(1, 6), (6, 1), (6, 2)])
def test_a_layer_of_few_channels_is_the_layer(inputs: int, outputs: int) -> None:
    """By patches or by what each pixel adds: the same values and gradients."""
    x = jax.random.normal(jax.random.key(0), (2, 7, 6, inputs))
    few, whole = (Convolution(outputs, few=few, relu=True) for few in (True, False))
    variables = whole.init(jax.random.key(1), x)

    def made_and_gradients(layer: Convolution) -> list[jax.Array]:
        made, back = jax.vjp(layer.apply, variables, x)
        return [made, *jax.tree.leaves(back(jnp.cos(made)))]

    for one, other in zip(made_and_gradients(few), made_and_gradients(whole), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_its_gradients_are_those_of_the_convolution():
    x = jax.random.normal(jax.random.key(0), (4, 10, 10, 3))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 3, 5))

    def gradients(convolve):
        return jax.grad(lambda *both: jnp.sum(jnp.sin(convolve(*both))), (0, 1))(x, kernel)

    for found, expected in zip(gradients(convolve_patches), gradients(reference), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "said"), [((1, 2, 5, 3), "smaller"), ((1, 5, 5, 2), "not"), ((5, 5, 3), "not")]
)
def test_what_does_not_fit_is_said(shape, said):
    with pytest.raises(ValueError, match=said):
        convolve_patches(jnp.zeros(shape), jnp.zeros((3, 3, 3, 4)))

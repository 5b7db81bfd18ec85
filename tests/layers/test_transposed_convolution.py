"""Transposed convolutions: the gradients of a convolution, and what PyTorch makes of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from research.layers.convolution_block import winograd_pays
from research.layers.transposed_convolution import TransposedConvolution, convolve_transposed

pytestmark = pytest.mark.usefixtures("plainly_compiled")
LAYOUT = ("NHWC", "HWIO", "NHWC")


def random(shape: tuple[int, ...], seed: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@settings(max_examples=12, deadline=None)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    more=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 3)),
    padding=st.sampled_from(["SAME", "VALID"]),
)
def test_it_is_the_gradient_of_a_convolution_and_so_are_its_own(
    size: tuple[int, int],
    strides: tuple[int, int],
    more: tuple[int, int],
    channels: tuple[int, int],
    padding: str,
) -> None:
    """The convolution goes from the larger image to `size`: its transpose goes back."""
    window = strides[0] + more[0], strides[1] + more[1]
    outputs = (
        (size[0] * strides[0], size[1] * strides[1])
        if padding == "SAME"
        else tuple((n - 1) * s + k for n, s, k in zip(size, strides, window, strict=True))
    )
    with jax.enable_x64(True):
        x = random((2, *size, channels[0]), 0, np.float64)
        kernel = random((*window, *channels), 1, np.float64)

        def transpose(x: jax.Array, kernel: jax.Array) -> jax.Array:
            def forward(y: jax.Array) -> jax.Array:
                turned = kernel.swapaxes(2, 3)
                return lax.conv_general_dilated(
                    y, turned, strides, padding, dimension_numbers=LAYOUT
                )

            return jax.vjp(forward, jnp.zeros((2, *outputs, channels[1])))[1](x)[0]

        def ours(x: jax.Array, kernel: jax.Array) -> jax.Array:
            return convolve_transposed(x, kernel, strides, padding)

        cotangent = random((2, *outputs, channels[1]), 2, np.float64)
        found, expected = (jax.vjp(f, x, kernel) for f in (ours, transpose))
        for one, other in zip(
            (found[0], *found[1](cotangent)), (expected[0], *expected[1](cotangent)), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("size, side, stride, pad", [(7, 4, 2, 1), (5, 3, 2, 0), (4, 5, 3, 2)])
def test_pytorch_agrees(size: int, side: int, stride: int, pad: int) -> None:
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    x, kernel = random((2, size, size, 3), 0), random((side, side, 3, 4), 1)
    ours = convolve_transposed(x, kernel, (stride, stride), ((pad, pad), (pad, pad)))
    theirs = torch.nn.functional.conv_transpose2d(
        torch.tensor(x.transpose(0, 3, 1, 2)),
        torch.tensor(kernel.transpose(2, 3, 0, 1).copy()),
        stride=stride,
        padding=pad,
    )
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 2, 3, 1), atol=1e-5)


@pytest.mark.parametrize("channels", [(32, 16), (40, 1)], ids=["winograd", "few outputs"])
def test_in_float32_it_is_as_near_as_rounding_lets_it(channels: tuple[int, int]) -> None:
    """Of the layers of a DCGAN's generator."""
    x, kernel = random((3, 7, 7, channels[0]), 0), random((5, 5, *channels), 1)
    phases = jax.ShapeDtypeStruct((3, 3, channels[0], 4 * channels[1]), x.dtype)
    assert winograd_pays(x, phases, (1, 1), ((1, 1), (1, 1))) == (channels[1] > 1)

    def made_and_gradients(x: jax.Array, kernel: jax.Array) -> list[jax.Array]:
        made, back = jax.vjp(convolve_transposed, x, kernel)
        return [made, *back(made)]

    found = made_and_gradients(x, kernel)
    with jax.enable_x64(True):
        exact = made_and_gradients(x.astype(np.float64), kernel.astype(np.float64))
    for one, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.max(np.abs(other)))
    never = convolve_transposed(x, kernel, images=0)
    np.testing.assert_allclose(never, exact[0], rtol=0, atol=2e-6 * np.max(np.abs(exact[0])))


def test_a_layer_doubles_an_image_and_has_a_bias_of_its_own() -> None:
    layer = TransposedConvolution(5, kernel_init=jax.nn.initializers.zeros)
    x = jnp.ones((2, 7, 6, 3))
    variables = layer.init(jax.random.key(0), x)
    variables["params"]["bias"] = jnp.arange(5.0)
    y = layer.apply(variables, x)
    np.testing.assert_array_equal(y, np.broadcast_to(np.arange(5.0), (2, 14, 12, 5)))


@pytest.mark.parametrize(
    "words, arguments",
    [
        ("as large as the strides", ((2, 2, 1, 1), (3, 3), "SAME")),
        ('"SAME", "VALID"', ((2, 2, 1, 1), (2, 2), "valid")),
        ("needs", ((2, 2, 3, 1), (2, 2), "SAME")),
    ],
)
def test_what_does_not_fit_is_named(words: str, arguments: tuple) -> None:
    shape, strides, padding = arguments
    with pytest.raises(ValueError, match=words):
        convolve_transposed(jnp.ones((1, 4, 4, 1)), jnp.ones(shape), strides, padding)

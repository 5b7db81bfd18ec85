"""The generator by styles: modulation as the paper has it, and noise that comes from the code."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from research.generative.growing_nets import GrowingDiscriminator
from research.generative.style_nets import ModulatedConvolution, StyleGenerator
from tests.generative.test_adversarial import SMALL, begun, same
from tests.generative.test_autoencoder import batch

pytestmark = pytest.mark.usefixtures("plainly_compiled")

NET = StyleGenerator((8, 8, 1), (4, 3), (5,))


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("demodulate", [True, False])
def test_scaling_activations_is_scaling_the_kernel_of_each_image(demodulate: bool) -> None:
    """Equations 1 and 3 of Karras et al. 2020: a kernel for each image."""
    layer = ModulatedConvolution(4, demodulate=demodulate)
    x, style = random(5, 6, 6, 3), random(5, 2, seed=1)
    variables = layer.init(jax.random.key(0), x, style)
    params = variables["params"]
    scale = style @ params["scale"]["kernel"] / np.sqrt(2) + params["scale"]["bias"]
    assert np.all(params["scale"]["bias"] == 1)
    kernels = params["kernel"] / np.sqrt(27) * scale[:, None, None, :, None]
    if demodulate:
        kernels = kernels / np.sqrt(np.sum(kernels**2, axis=(1, 2, 3), keepdims=True) + 1e-8)
    expected = [
        lax.conv_general_dilated(
            x[at : at + 1], kernels[at], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )[0]
        for at in range(5)
    ]
    np.testing.assert_allclose(layer.apply(variables, x, style), expected, atol=1e-5)


def test_demodulated_outputs_have_one_variance_whatever_the_style() -> None:
    x, style = random(8, 16, 16, 20), 3 * random(8, 2, seed=1)
    for demodulate in (True, False):
        layer = ModulatedConvolution(32, demodulate=demodulate)
        y, _ = layer.init_with_output(jax.random.key(0), x, style)
        spread = np.std(y[:, 1:-1, 1:-1], axis=(1, 2, 3))
        assert (np.max(np.abs(spread - 1)) < 0.1) == demodulate


def test_noise_is_what_comes_before_the_code() -> None:
    assert NET.noise_size == 4 * 4 + 2 * 8 * 8
    code = random(3, NET.noise_size + 6)
    variables = NET.init(jax.random.key(0), code, training=True)
    draw = jax.jit(partial(NET.apply, training=True))
    other_noise, other_style = code.copy(), code.copy()
    other_noise[:, : NET.noise_size] += 1
    other_style[:, NET.noise_size :] = random(3, 6, seed=2)
    # At the beginning noise has no strength.
    made = draw(variables, code)
    assert made.shape == (3, 8, 8, 1) and not np.allclose(made, draw(variables, other_style))
    np.testing.assert_array_equal(made, draw(variables, other_noise))
    noisy = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.ones(()) if path[-1].key.startswith("strength") else leaf, variables
    )
    assert not np.allclose(draw(noisy, code), draw(noisy, other_noise))
    # Each number reaches some pixel, of its own image alone.
    slopes = jax.grad(lambda code: jnp.sum(draw(noisy, code)[0] ** 2))(jnp.asarray(code))
    assert np.all(np.any(slopes[0] != 0)) and not np.any(slopes[1:])
    assert np.mean(np.asarray(slopes[0, : NET.noise_size]) != 0) > 0.9


def test_noise_is_drawn_from_the_key_in_training_and_sampling() -> None:
    config = replace(
        SMALL,
        generator=lambda shape: NET,
        discriminator=lambda: GrowingDiscriminator((4, 3)),
        generator_rate=0.01,
    )
    experiment, state = begun(config)
    update = jax.jit(experiment.update)
    for step in range(2):
        state, _ = update(state, batch(step), jax.random.key(step))
    strengths = [float(state.generator.params[f"strength_{at}"]) for at in range(3)]
    assert all(strength != 0 for strength in strengths)
    draw = jax.jit(experiment.offers["sampler"].draw(None))
    label = jnp.zeros(4, jnp.int32)
    one, again, other = (draw(state, label, jax.random.key(key)) for key in (0, 0, 1))
    assert same(one, again) and not same(one, other)

"""Layers of growing nets, against their definitions in NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.groups import split
from research.generative.adversarial_layers import (
    EqualisedConvolution,
    EqualisedDense,
    double,
    halve,
    pixel_norm,
    with_deviation,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "layer, shape", [(EqualisedDense(400), (500, 60)), (EqualisedConvolution(64), (4, 16, 16, 20))]
)
def test_outputs_of_an_equalised_layer_have_twice_the_variance_whatever_its_size(
    layer: EqualisedDense | EqualisedConvolution, shape: tuple[int, ...]
) -> None:
    x = random(*shape)
    y, variables = layer.init_with_output(jax.random.key(0), x)
    inside = y if y.ndim == 2 else y[:, 1:-1, 1:-1]  # what no padding reaches
    assert float(jnp.var(inside)) == pytest.approx(2, rel=0.1)
    kernel = variables["params"]["kernel"]
    assert float(jnp.std(kernel)) == pytest.approx(1, rel=0.05)
    # The control: as it stands in the state it would give far more.
    fan_in = np.prod(kernel.shape[:-1])
    np.testing.assert_allclose(
        layer.apply(jax.tree.map(lambda leaf: leaf * np.sqrt(fan_in / 2), variables), x),
        y * np.sqrt(fan_in / 2),
        rtol=1e-4,
        atol=1e-3,
    )


def test_a_layer_that_learns_slower_gives_the_same_and_its_gradients_are_smaller() -> None:
    x = random(3, 5)
    layers = [EqualisedDense(4, rate=rate, bias=1.0) for rate in (1.0, 0.01)]
    params = [layer.init(jax.random.key(0), x) for layer in layers]
    outputs = [layer.apply(p, x) for layer, p in zip(layers, params, strict=True)]
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)
    gradients = [
        jax.grad(lambda p, layer=layer: jnp.sum(layer.apply(p, x) ** 2))(p)
        for layer, p in zip(layers, params, strict=True)
    ]
    for one, other in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(0.01 * one, other, rtol=1e-4, atol=1e-6)


def test_pixels_are_of_length_one() -> None:
    x = 5 * random(2, 3, 3, 8)
    expected = x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(pixel_norm(x), expected, rtol=1e-5)


def test_a_deviation_is_of_a_set_of_images_and_of_no_other() -> None:
    x = random(8, 3, 3, 5)
    found = np.asarray(with_deviation(x, together=4))
    np.testing.assert_array_equal(found[..., :5], x)
    for start in (0, 4):
        expected = np.mean(np.std(x[start : start + 4], axis=0))
        np.testing.assert_allclose(found[start : start + 4, ..., 5], expected, rtol=1e-5)
    # Images that are all alike, as of a collapsed generator.
    assert np.max(with_deviation(np.repeat(x[:1], 8, axis=0))[..., 5]) < 1e-3
    # Groups that devices share are cut between sets: each gives what the whole batch gives.
    groups = jax.vmap(with_deviation)(split(jnp.asarray(x), 2)).reshape(found.shape)
    np.testing.assert_allclose(groups, found, rtol=1e-6)
    changed = x.copy()
    changed[7] += 1
    np.testing.assert_array_equal(with_deviation(changed)[:4], found[:4])


@pytest.mark.parametrize("images, sets", [(1, 1), (3, 1), (6, 3), (12, 3)])
def test_a_batch_of_any_size_has_sets(images: int, sets: int) -> None:
    plane = with_deviation(random(images, 2, 2, 3))[:, 0, 0, 3]
    assert len(np.unique(plane)) == sets


def test_halving_undoes_doubling_and_keeps_the_mean() -> None:
    x = random(2, 4, 6, 3)
    np.testing.assert_array_equal(halve(double(x)), x)
    np.testing.assert_array_equal(double(x)[:, 1::2, ::2], x)
    np.testing.assert_allclose(np.mean(halve(x), (1, 2)), np.mean(x, (1, 2)), rtol=1e-5, atol=1e-6)

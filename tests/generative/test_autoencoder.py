"""Autoencoders: what each kind is given, what its code is, what its loss adds."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats
from sklearn.metrics import log_loss

from research.engine.experiment import Experiment, traced
from research.generative.autoencoder import Autoencoder, Encoded
from research.generative.codecs import ConvolutionalCodec, DenseCodec, RecurrentCodec
from research.generative.conditional import Conditional
from research.generative.kinds import Contractive, Denoising, Hashing, Sparse
from research.generative.layer_by_layer import LayerByLayer
from research.generative.reconstruction import measure, pixel_cross_entropy
from research.generative.variational import Variational, draw, normal_divergence
from research.options.config import make_experiment, problems_of

pytestmark = pytest.mark.usefixtures("plainly_compiled")

DIGITS = {"data_set": "digits", "examples": 64, "batch_size": 16, "layers": (6,), "code_size": 3}


def batch(seed: int = 0, rows: int = 16) -> dict[str, jax.Array]:
    drawn = np.random.default_rng(seed)
    return {
        "image": jnp.asarray(drawn.integers(0, 17, (rows, 8, 8, 1)), jnp.uint8),
        "label": jnp.asarray(drawn.integers(0, 10, rows)),
        "weight": jnp.ones(rows),
    }


def begun(config: Autoencoder) -> tuple[Experiment, Any]:
    experiment = make_experiment(config)
    init = jax.jit(experiment.init)
    return experiment, init(jax.random.key(0), traced(experiment.hyperparameters))


def test_errors_of_an_image_are_those_of_scikit_learn() -> None:
    drawn = np.random.default_rng(0)
    image = drawn.integers(0, 2, (5, 8, 8, 1)).astype(np.float32)
    logits = drawn.standard_normal((5, 8, 8, 1)).astype(np.float32)
    made = 1 / (1 + np.exp(-logits))
    found = measure(image, logits)
    for at in range(5):
        assert found.bce[at] == pytest.approx(log_loss(image[at].ravel(), made[at].ravel()), 1e-5)
        right = np.mean((made[at] > 0.5) == (image[at] > 0.5))
        assert found.rounded[at] == pytest.approx(right)
    np.testing.assert_allclose(found.mse, np.mean((made - image) ** 2, (1, 2, 3)), rtol=1e-5)


def test_the_error_of_a_pixel_is_that_of_optax_with_its_derivatives() -> None:
    logits = jnp.asarray([-200.0, -30.0, -3.0, -1e-4, 0.0, 1e-4, 0.7, 30.0, 200.0])
    image = jnp.asarray([0.0, 0.3, 1.0, 0.5, 0.2, 1.0, 0.0, 0.9, 1.0])
    assert_close = partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7)
    ours, theirs = pixel_cross_entropy, optax.sigmoid_binary_cross_entropy
    assert_close(ours(logits, image), theirs(logits, image))
    for argument in (0, 1):
        slope = [jax.vmap(jax.grad(f, argument))(logits, image) for f in (ours, theirs)]
        assert_close(*slope)
        curve = [jax.vmap(jax.grad(jax.grad(f), argument))(logits, image) for f in (ours, theirs)]
        assert_close(*curve)
    # A net that is no longer finite is found by its loss.
    assert jnp.isnan(ours(jnp.float32(jnp.nan), jnp.float32(0.5)))


@pytest.mark.parametrize("net", [DenseCodec, ConvolutionalCodec, RecurrentCodec])
@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 6, 3)])
def test_a_codec_gives_back_the_shape_of_any_image(net: Any, shape: tuple[int, int, int]) -> None:
    codec = net(shape, (5, 4), 3, 2)
    image, code = jnp.ones((2, *shape)), jnp.ones((2, 2))

    def apply(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return codec.init_with_output(key, image, code)[0]

    outputs, logits = jax.eval_shape(apply, jax.random.key(0))
    assert outputs.shape == (2, 3) and logits.shape == (2, *shape)


def test_tied_layers_are_each_others_transpose() -> None:
    codec = DenseCodec((8, 8, 1), (6,), 3, 3, tied=True)
    variables = codec.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), jnp.ones((1, 3)))
    assert sum(leaf.ndim == 2 for leaf in jax.tree.leaves(variables)) == 2
    bound = codec.bind(variables)
    x, y = (jax.random.normal(jax.random.key(at), (1, n)) for at, n in ((1, 64), (2, 6)))
    there = float(jnp.vdot(bound.encode_layer(x, 0), y))  # biases begin as 0
    assert there == pytest.approx(float(jnp.vdot(x, bound.decode_layer(y, 0))), rel=1e-5)
    untied = DenseCodec((8, 8, 1), (6,), 3, 3)
    others = untied.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), jnp.ones((1, 3)))
    other = untied.bind(others)
    apart = jnp.vdot(other.encode_layer(x, 0), y) - jnp.vdot(x, other.decode_layer(y, 0))
    assert abs(apart) > 0.1


def test_a_denoising_loss_is_that_of_the_clean_image() -> None:
    """Of an input that is dropped whole, an untrained net makes an image of .5 everywhere."""
    config = Denoising(**DIGITS, noise=0.0, dropped=0.5)
    image, values = jnp.full((1000, 8, 8, 1), 0.5), {"noise": 0.0, "dropped": 0.5}
    given = config.corrupt(image, values, jax.random.key(0))
    assert set(np.unique(given)) == {0.0, 1.0} and np.mean(given) == pytest.approx(0.5, abs=0.01)
    noisy = config.corrupt(image, {"noise": 0.2, "dropped": 0.0}, jax.random.key(0))
    assert np.std(noisy) == pytest.approx(0.2, rel=0.02)
    experiment, state = begun(dataclasses.replace(config, dropped=1 - 1e-7))
    rows = batch()
    _, found = jax.jit(experiment.update)(state, rows, jax.random.key(1))
    clean = np.asarray(rows["image"]) / 16
    assert float(found["mse"].total) == pytest.approx(np.mean((clean - 0.5) ** 2) * 16, rel=1e-5)
    # In evaluation the input is clean as well.
    measured = jax.jit(experiment.evaluate)(state, rows, jax.random.key(1))
    assert float(measured["mse"].total) != pytest.approx(float(found["mse"].total), rel=1e-3)


def test_a_sparse_penalty_is_that_of_the_mean_activity_of_a_batch() -> None:
    code = jnp.asarray([[0.2, 0.6], [0.4, 0.0], [0.9, 0.9]])
    encoded = Encoded(lambda x: x, jnp.ones((3, 1)), code, code, jnp.asarray([1.0, 1.0, 0.0]))
    config = Sparse(**DIGITS)
    values = {"l1": 2.0, "divergence": 0.0, "target": 0.1}
    np.testing.assert_allclose(config.penalty(encoded, values)[:2], [1.6, 0.8], rtol=1e-6)
    values = {"l1": 0.0, "divergence": 1.0, "target": 0.1}
    coin = partial(np.array, dtype=np.float64)
    expected = sum(stats.entropy(coin([0.1, 0.9]), coin([q, 1 - q])) for q in (0.3, 0.3))
    np.testing.assert_allclose(config.penalty(encoded, values), [expected] * 3, rtol=1e-5)


def test_a_contractive_penalty_is_the_squared_norm_of_the_jacobian() -> None:
    config = Contractive(**DIGITS)
    weights = jax.random.normal(jax.random.key(0), (64, 3))

    def encode(image: jax.Array) -> jax.Array:
        return image.reshape(len(image), -1) @ weights

    image = jax.random.uniform(jax.random.key(1), (4, 8, 8, 1))
    outputs = encode(image)
    encoded = Encoded(encode, image, outputs, jax.nn.selu(outputs), jnp.ones(4))
    found = config.penalty(encoded, {"contraction": 0.5})
    slope = jnp.where(outputs > 0, 1.0, 1.6732632 * jnp.exp(outputs)) * 1.0507010
    expected = 0.5 * jnp.sum(slope**2 * jnp.sum(weights**2, axis=0), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_hash_is_of_bits_in_evaluation_and_noisy_in_training() -> None:
    config, outputs = Hashing(**DIGITS), jnp.asarray([[-3.0, 0.1, 20.0]])
    np.testing.assert_array_equal(config.bottleneck(outputs, {"noise": 15.0}, None), [[0, 1, 1]])
    one, other = (
        config.bottleneck(outputs, {"noise": 15.0}, jax.random.key(at)) for at in range(2)
    )
    assert not np.array_equal(one, other) and one.min() >= 0 and one.max() <= 1


def test_each_phase_trains_its_layer_and_the_last_all() -> None:
    config = LayerByLayer(**DIGITS, layer_epochs=(1, 1), epochs=1)
    experiment, state = begun(config)
    update, changed = jax.jit(experiment.update), []
    for step in range(experiment.steps):
        after, _ = update(state, batch(step), jax.random.key(step))
        moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), after.params, state.params)
        changed.append({name for name, it in moved.items() if it})
        state = after
    outer = {"kernel_0", "bias_0", "back_kernel_0", "back_bias_0"}
    inner = {name.replace("0", "1") for name in outer}
    assert changed == [outer] * 4 + [inner] * 4 + [outer | inner] * 4


def test_the_divergence_in_closed_form_is_that_of_many_draws() -> None:
    mean, log_variance = jnp.asarray([0.7, -1.2]), jnp.asarray([0.3, -0.8])
    drawn = draw(*(jnp.tile(it, (200_000, 1)) for it in (mean, log_variance)), jax.random.key(0))
    scale = np.exp(0.5 * np.asarray(log_variance))
    ratio = stats.norm.logpdf(drawn, mean, scale) - stats.norm.logpdf(drawn)
    found = float(normal_divergence(mean, log_variance))
    assert found == pytest.approx(ratio.sum(axis=1).mean(), rel=0.01)
    assert normal_divergence(jnp.zeros(3), jnp.zeros(3)) == 0


def test_the_loss_of_a_variational_autoencoder_is_its_bound_for_each_pixel() -> None:
    """In training and evaluation, by the same draw; what `beta` weighs is the divergence."""
    bounds = []
    for beta in (1.0, 0.0):
        experiment, state = begun(Variational(**DIGITS, beta=beta))
        _, trained = jax.jit(experiment.update)(state, batch(), jax.random.key(0))
        measured = jax.jit(experiment.evaluate)(state, batch(), jax.random.key(0))
        bounds.append((float(trained["loss"].total), float(measured["divergence"].total)))
    divergence = bounds[0][1]
    assert divergence > 0 and bounds[0][0] - bounds[1][0] == pytest.approx(
        divergence / 64, rel=1e-3
    )


def test_a_conditional_autoencoder_is_given_the_class_on_both_sides_and_its_codes_hold_it() -> None:
    config = Conditional(**DIGITS)
    experiment, state = begun(config)
    codec = config.codec((8, 8, 1)).bind({"params": state.params})
    image = jnp.asarray(batch()["image"] / 16, jnp.float32)
    ones, twos = (config.of_class(codec, jnp.full(16, label)) for label in (1, 2))
    outputs = [each.encode(image) for each in (ones, twos)]
    assert not np.allclose(config.moments(outputs[0]), config.moments(outputs[1]))
    code = config.bottleneck(outputs[0], {}, None)
    np.testing.assert_array_equal(code[:, 3:], np.eye(10)[np.full(16, 1)])
    np.testing.assert_array_equal(code[:, :3], config.moments(outputs[0])[0])
    # The same code of the prior, and another class: another image.
    drawn = [config.draw(codec, jnp.full(4, label), jax.random.key(0)) for label in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])
    # The class reaches the loss, and only through the codec.
    updates = [
        jax.jit(experiment.update)(state, batch() | {"label": jnp.full(16, at)}, jax.random.key(0))
        for at in (1, 2)
    ]
    assert updates[0][1]["loss"].total != updates[1][1]["loss"].total
    assert experiment.offers.keys() == {"sampler", "reconstructor"}


@pytest.mark.parametrize(
    "config, words",
    [
        (Autoencoder(**{**DIGITS, "code_size": 64}), "must be smaller than an image, 64 pixels"),
        (Autoencoder(code_size=784), "must be smaller than an image, 784 pixels"),
        (Autoencoder(**{**DIGITS, "examples": 1281}), "must be at most 1,280"),
        (Autoencoder(code_size=0), "--code-size must be at least 1"),
        (LayerByLayer(layer_epochs=(1, 2, 3)), "a number for each of the 2 layers"),
        (LayerByLayer(optimizer="adam"), "must be sgd"),
    ],
)
def test_what_cannot_be_is_said(config: Autoencoder, words: str) -> None:
    assert any(words in problem for problem in problems_of(config)), problems_of(config)

"""The block against float64, flax, PyTorch and the plain way; and that it stays fast."""

import math
import os
import shutil
import subprocess
import sys
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from research.layers import winograd_block as module
from research.layers.convolution import convolve
from research.layers.convolution_block import (
    Convolution,
    convolution_block,
    winograd_pays,
)
from research.layers.winograd_block import winograd_block

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def arrays(batch, size, channels, dtype=np.float32):
    """Image, kernel and bias."""
    rng = np.random.default_rng(0)
    shapes = (batch, *size, channels[0]), (3, 3, *channels), (channels[1],)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def reference(x, kernel, bias, padding, relu):
    y = lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return nn.relu(y + bias) if relu else y + bias


def value_and_gradients(function, inputs, cotangent):
    @jax.jit
    def both(inputs, cotangent):
        value, pullback = jax.vjp(function, *inputs)
        return value, *pullback(cotangent)

    return [np.asarray(a) for a in both(inputs, cotangent)]


def exact(inputs, cotangent, padding, relu):
    with jax.enable_x64(True):
        return value_and_gradients(
            partial(reference, padding=padding, relu=relu),
            tuple(a.astype(np.float64) for a in inputs),
            cotangent.astype(np.float64),
        )


def errors(actual, expected):
    """Of the value and each gradient, relative to its largest entry."""
    return [
        np.max(np.abs(one - other)) / np.max(np.abs(other), initial=1e-30)
        for one, other in zip(actual, expected, strict=True)
    ]


def cotangent_of(function, inputs):
    shape = jax.eval_shape(function, *inputs)
    return np.random.default_rng(1).standard_normal(shape.shape).astype(shape.dtype)


@settings(max_examples=5, deadline=None)
@given(
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.tuples(
        st.tuples(st.integers(1, 2), st.integers(1, 2)),
        st.tuples(st.integers(1, 2), st.integers(1, 2)),
    ),
    relu=st.booleans(),
)
def test_values_and_gradients_are_those_of_lax(batch, size, channels, pads, relu):
    with jax.enable_x64(True):
        inputs = arrays(batch, size, channels, np.float64)
        ours = lambda *a: winograd_block(*a, pads, relu)  # noqa: E731
        cotangent = cotangent_of(ours, inputs)
        actual = value_and_gradients(ours, inputs, cotangent)
    assert max(errors(actual, exact(inputs, cotangent, pads, relu))) < 1e-12


CASES = [  # batch, size, channels, padding: the kinds of layer of chapter 14's net, and others
    (33, (7, 7), (128, 64), "SAME"),
    pytest.param(32, (14, 14), (128, 128), "SAME", marks=pytest.mark.slow),
    pytest.param(32, (7, 7), (256, 256), "SAME", marks=pytest.mark.slow),
    pytest.param(5, (13, 9), (32, 48), "VALID", marks=pytest.mark.slow),
    pytest.param(2, (28, 11), (40, 32), ((2, 0), (1, 3)), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("batch, size, channels, padding", CASES)
def test_float32_is_near_float64(batch, size, channels, padding):
    inputs = arrays(batch, size, channels)
    ours = partial(convolution_block, padding=padding)
    cotangent = cotangent_of(ours, inputs)
    # The sign of a value near zero may differ, and with it what passes the ReLU: compare without.
    ours = partial(convolution_block, padding=padding, relu=False)
    actual = value_and_gradients(ours, inputs, cotangent)
    assert winograd_pays(*inputs[:2], strides=(1, 1), padding=padding)
    assert max(errors(actual, exact(inputs, cotangent, padding, False))) < 1e-5


@pytest.mark.slow
def test_relu_and_its_gradient_follow_the_value():
    inputs = arrays(4, (7, 7), (32, 32))
    cotangent = cotangent_of(convolution_block, inputs)
    with_relu = value_and_gradients(convolution_block, inputs, cotangent)
    linear = partial(convolution_block, relu=False)
    passed = np.where(with_relu[0] > 0, cotangent, 0)
    without = value_and_gradients(linear, inputs, passed)
    np.testing.assert_array_equal(with_relu[0], np.maximum(without[0], 0))
    assert max(errors(with_relu[1:], without[1:])) < 1e-6
    assert 0.3 < np.mean(with_relu[0] > 0) < 0.7


def test_pytorch_agrees():
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    inputs = arrays(4, (14, 7), (32, 40))
    linear = partial(convolution_block, relu=False)
    cotangent = cotangent_of(linear, inputs)
    x, kernel, bias = (
        torch.tensor(a, requires_grad=True)
        for a in (inputs[0].transpose(0, 3, 1, 2), inputs[1].transpose(3, 2, 0, 1), inputs[2])
    )
    theirs = torch.nn.functional.conv2d(x, kernel, bias, padding=1)
    theirs.backward(torch.tensor(cotangent.transpose(0, 3, 1, 2)))
    expected = (
        theirs.detach().numpy().transpose(0, 2, 3, 1),
        x.grad.numpy().transpose(0, 2, 3, 1),
        kernel.grad.numpy().transpose(2, 3, 1, 0),
        bias.grad.numpy(),
    )
    assert max(errors(value_and_gradients(linear, inputs, cotangent), expected)) < 1e-5


PAYS = [  # channels, size, kernel side, stride, dtype, whether
    ((64, 128), 14, 3, 1, np.float32, True),
    ((256, 256), 7, 3, 1, np.float32, True),
    ((1, 64), 28, 3, 1, np.float32, False),
    ((64, 64), 14, 5, 1, np.float32, False),
    ((64, 64), 14, 3, 2, np.float32, False),
    ((64, 64), 1, 3, 1, np.float32, False),
    ((64, 64), 14, 3, 1, jnp.bfloat16, False),
]


@pytest.mark.parametrize("channels, size, side, stride, dtype, whether", PAYS)
def test_which_layers_take_the_fast_way(channels, size, side, stride, dtype, whether):
    x = jax.ShapeDtypeStruct((2, size, size, channels[0]), dtype)
    kernel = jax.ShapeDtypeStruct((side, side, *channels), dtype)
    assert winograd_pays(x, kernel, (stride, stride), "SAME") == whether


RUNS = [  # channels, size, images in the run, whether
    ((32, 32), 8, 60 * 1280, False),  # digits_cnn: it would compile for longer than it trains
    ((64, 64), 4, 60 * 1280, False),
    ((32, 64), 14, 20 * 55_000, True),  # fashion_mnist_small
    ((64, 96), 7, 20 * 55_000, True),
    ((64, 128), 14, 6 * 55_000, True),  # fashion_mnist_cnn
    ((256, 256), 7, 6 * 55_000, True),
]


@pytest.mark.parametrize("channels, size, images, whether", RUNS)
def test_a_run_takes_the_fast_way_only_if_it_is_long_enough(channels, size, images, whether):
    x = jax.ShapeDtypeStruct((2, size, size, channels[0]), np.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, *channels), np.float32)
    assert winograd_pays(x, kernel, (1, 1), "SAME")
    assert winograd_pays(x, kernel, (1, 1), "SAME", images) == whether


@pytest.mark.parametrize("images, products", [(100, 0), (math.inf, 36)])
def test_the_module_is_told_how_long_the_run_is(images, products):
    x = arrays(2, (7, 7), (32, 32))[0]
    layer = Convolution(32, images=images)
    params = layer.init(jax.random.key(0), x)
    text = jax.jit(layer.apply).trace(params, x).lower(lowering_platforms=("cpu",)).as_text()
    assert text.count("stablehlo.dot_general") == products
    assert text.count("stablehlo.convolution") == (0 if products else 1)


@pytest.mark.parametrize(
    "channels, strides, padding",
    [((3, 5), (1, 1), "SAME"), ((32, 32), (2, 1), "VALID"), ((32, 32), (1, 1), ((-1, 2), (0, 0)))],
)
def test_other_layers_are_the_plain_convolution_to_the_bit(channels, strides, padding):
    x, kernel, bias = arrays(2, (9, 8), channels)
    actual = convolution_block(x, kernel, bias, strides, padding)
    plain = nn.relu(convolve(x, kernel, strides, padding) + bias)
    np.testing.assert_array_equal(actual, plain)


@pytest.mark.parametrize("platform, ways", [("cuda", (3, 0)), ("cpu", (0, 3 * 36))])
def test_only_cpu_takes_the_fast_way(platform, ways):
    inputs = arrays(2, (7, 7), (32, 32))
    loss = lambda *a: jnp.sum(convolution_block(*a) ** 2)  # noqa: E731
    traced = jax.jit(jax.grad(loss, (0, 1, 2))).trace(*inputs)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    found = text.count("stablehlo.convolution"), text.count("stablehlo.dot_general")
    assert found == ways


@pytest.mark.slow
def test_members_of_a_vmap_are_near_their_solo_values():
    x, kernel, bias = arrays(2, (7, 7), (32, 32))
    kernels = np.stack([kernel, -2 * kernel])
    both = jax.vmap(convolution_block, (None, 0, None))(x, kernels, bias)
    for member, kernel in zip(both, kernels, strict=True):
        assert max(errors([member], [convolution_block(x, kernel, bias)])) < 1e-5


@pytest.mark.slow
def test_second_derivatives_are_those_of_lax():
    with jax.enable_x64(True):
        x, kernel, bias = arrays(1, (4, 3), (2, 2), np.float64)
        pads = ((1, 1), (1, 1))

        def penalty(function, kernel):
            inner = jax.grad(lambda k: jnp.sum(jnp.tanh(function(x, k, bias, pads, False))))
            return jnp.sum(inner(kernel) ** 2)

        ours, theirs = (
            jax.jit(jax.grad(partial(penalty, f)))(kernel) for f in (winograd_block, reference)
        )
        assert max(errors([ours], [theirs])) < 1e-12


def test_the_module_has_the_parameters_of_flax():
    x = arrays(2, (7, 7), (32, 32))[0]
    options = {"bias_init": nn.initializers.normal(), "kernel_init": nn.initializers.he_normal()}
    ours, theirs = Convolution(32, relu=True, **options), nn.Conv(32, (3, 3), **options)
    params = ours.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, params, theirs.init(jax.random.key(0), x))
    expected = nn.relu(theirs.apply(params, x))
    assert max(errors([ours.apply(params, x)], [expected])) < 1e-5
    linear = Convolution(32, **options)
    assert np.min(linear.apply(params, x)) < 0 <= np.min(ours.apply(params, x))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("strides, padding", [((1, 1), "SAME"), ((2, 1), "VALID")])
def test_other_strides_and_paddings_are_those_of_flax(strides, padding, use_bias):
    x = arrays(2, (7, 9), (3, 5))[0]
    options = {"strides": strides, "padding": padding, "use_bias": use_bias}
    ours, theirs = (
        layer(5, (3, 3), **options, bias_init=nn.initializers.normal())
        for layer in (Convolution, nn.Conv)
    )
    params = ours.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, params, theirs.init(jax.random.key(0), x))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    np.testing.assert_allclose(ours.apply(params, x), theirs.apply(params, x), rtol=1e-6, atol=1e-6)


def test_bfloat16_is_computed_where_asked():
    x = arrays(2, (6, 6), (32, 32))[0]
    layer = Convolution(32, dtype=jnp.bfloat16)
    params = layer.init(jax.random.key(0), x)
    assert params["params"]["kernel"].dtype == jnp.float32
    assert layer.apply(params, x).dtype == jnp.bfloat16
    grads = jax.grad(lambda p: jnp.sum(layer.apply(p, x).astype(jnp.float32) ** 2))(params)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(grads))


def test_mistakes_are_named():
    x, kernel, bias = arrays(1, (4, 4), (2, 2))
    with pytest.raises(ValueError, match="not 'same'"):
        convolution_block(x, kernel, bias, padding="same")
    with pytest.raises(ValueError, match="needs"):
        convolution_block(x[..., :1], kernel, bias)


def branches_left(monkeypatch, predicate=None):
    """The stages that still stand in the compiled gradient inside a loop."""
    if predicate is not None:
        monkeypatch.setattr(module, "opaque_true", predicate)
    inputs = arrays(2, (7, 7), (4, 4))

    def loop(inputs, steps):
        def body(_, inputs):
            gradients = jax.grad(
                lambda *a: jnp.sum(winograd_block(*a, ((1, 1), (1, 1)), True) ** 2), (0, 1, 2)
            )(*inputs)
            return jax.tree.map(jnp.subtract, inputs, gradients)

        return lax.fori_loop(0, steps, body, inputs)

    text = jax.jit(loop).lower(inputs, jnp.int32(1)).compile().as_text()
    return text.count(" conditional(")


STAGES = 13  # kernel, input, output, gradient, its products, the kernel's way back; the transpose


def test_the_compiler_keeps_every_stage(monkeypatch):
    """The speed rests on it: fused into what consumes them, transforms are computed again."""
    assert branches_left(monkeypatch) == STAGES


def test_a_predicate_that_the_compiler_knows_keeps_none(monkeypatch):
    """The negative control."""
    jax.clear_caches()  # of traces with the true predicate; then of those with this one
    assert branches_left(monkeypatch, lambda x: jnp.bool_(True)) == 0
    jax.clear_caches()


DIGEST = """
import hashlib, os
import jax, jax.numpy as jnp
from research.layers.convolution_block import convolution_block

def digest(arrays):
    return hashlib.sha256(b"".join(jax.device_get(a).tobytes() for a in arrays)).hexdigest()

def gradients(shape, features):
    x = jax.random.normal(jax.random.key(0), shape)
    kernel = jax.random.normal(jax.random.key(1), (3, 3, x.shape[3], features)) / 20
    bias = jnp.zeros(features)
    loss = lambda x, kernel, bias: jnp.sum(jnp.tanh(convolution_block(x, kernel, bias)) ** 2)
    def body(i, c):
        steps = jax.grad(loss, (0, 1, 2))(*c)
        return jax.tree.map(lambda a, b: a - 1e-3 * b, c, steps)
    return jax.jit(lambda n: jax.lax.fori_loop(0, n, body, (x, kernel, bias)))(2)

print(len(os.sched_getaffinity(0)), digest(gradients((32, 7, 7, 64), 128)))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("taskset") is None or os.cpu_count() in (None, 1), reason="one core, or no taskset"
)
def test_layer_and_gradients_have_the_same_bits_on_one_core_and_on_all():
    """In a loop with traced bounds, with the pool fixed as every run has it."""

    def answer(prefix):
        done = subprocess.run(
            [*prefix, sys.executable, "-c", DIGEST],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "NPROC": "8"},
        )
        return done.stdout.split()

    all_cores, digest = answer([])
    one_core, one_core_digest = answer(["taskset", "-c", "0"])
    assert int(one_core) == 1 < int(all_cores)
    assert digest == one_core_digest

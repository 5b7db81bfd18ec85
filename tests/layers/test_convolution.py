"""The convolution and its gradients against lax, flax, PyTorch and float64."""

import functools
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax

from research.layers.convolution import convolve

pytestmark = pytest.mark.usefixtures("plainly_compiled")

LAYOUT = ("NHWC", "HWIO", "NHWC")


def random(shape, seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def reference(x, kernel, strides, padding):
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=LAYOUT)


def value_and_gradients(function, x, kernel, cotangent):
    value, pullback = jax.vjp(function, x, kernel)
    return value, *pullback(cotangent)


def assert_close(actual, expected, relative, sizes=None):
    """Each array is as near as `relative` times the largest of `sizes`, by default of `expected`.

    The sizes are those of all that is added up: a sum may be much smaller, and is no more exact.
    """
    sizes = expected if sizes is None else sizes
    for one, other, size in zip(actual, expected, sizes, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        scale = np.max(np.abs(size), initial=1e-30)
        np.testing.assert_allclose(one, other, rtol=0, atol=relative * scale)


pairs = st.tuples(st.integers(0, 3), st.integers(0, 3))
paddings = st.one_of(st.sampled_from(["SAME", "VALID"]), st.tuples(pairs, pairs))


@settings(max_examples=20, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    window=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=paddings,
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    batch=st.integers(1, 3),
)
def test_value_and_gradients_are_those_of_lax_in_float64(
    size, window, strides, padding, channels, batch
):
    with jax.enable_x64(True):
        x = random((batch, *size, channels[0]), 0, np.float64)
        kernel = random((*window, *channels), 1, np.float64)
        try:
            shape = jax.eval_shape(
                lambda x, kernel: reference(x, kernel, strides, padding), x, kernel
            ).shape
        except (ValueError, TypeError):  # the window does not fit
            assume(False)
        assume(0 not in shape)
        arguments = (x, kernel, random(shape, 2, np.float64))
        ours, theirs = (
            functools.partial(of, strides=strides, padding=padding) for of in (convolve, reference)
        )
        assert_close(
            value_and_gradients(ours, *arguments),
            value_and_gradients(theirs, *arguments),
            1e-12,
            sizes=value_and_gradients(theirs, *map(np.abs, arguments)),
        )


CASES = [  # size, kernel, strides, padding above/left, inputs, outputs
    (28, 7, 1, 3, 1, 8),
    (14, 3, 1, 1, 8, 12),
    (7, 3, 2, 1, 5, 4),
    (9, 4, 3, 2, 3, 2),
    (8, 2, 2, 0, 3, 4),
]


@pytest.mark.parametrize("size, side, stride, pad, inputs, outputs", CASES)
def test_pytorch_agrees(size, side, stride, pad, inputs, outputs):
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    x, kernel = random((4, size, size, inputs), 0), random((side, side, inputs, outputs), 1)
    padding = ((pad, pad), (pad, pad))
    ours = functools.partial(convolve, strides=(stride, stride), padding=padding)
    cotangent = random(jax.eval_shape(ours, x, kernel).shape, 2)

    their_x = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    their_kernel = torch.tensor(kernel.transpose(3, 2, 0, 1), requires_grad=True)
    theirs = torch.nn.functional.conv2d(their_x, their_kernel, stride=stride, padding=pad)
    theirs.backward(torch.tensor(cotangent.transpose(0, 3, 1, 2)))

    assert_close(
        value_and_gradients(ours, x, kernel, cotangent),
        (
            theirs.detach().numpy().transpose(0, 2, 3, 1),
            their_x.grad.numpy().transpose(0, 2, 3, 1),
            their_kernel.grad.numpy().transpose(2, 3, 1, 0),
        ),
        2e-6,
    )


def test_float32_gradients_are_near_those_of_float64_at_real_size():
    x, kernel, cotangent = random((32, 14, 14, 64), 0), random((3, 3, 64, 128), 1), None
    cotangent = random((32, 14, 14, 128), 2)
    ours = value_and_gradients(convolve, x, kernel, cotangent)
    with jax.enable_x64(True):
        exact = value_and_gradients(
            convolve, *(np.asarray(a, np.float64) for a in (x, kernel, cotangent))
        )
        exact = [np.asarray(a) for a in exact]
    assert_close(ours, [a.astype(np.float32) for a in exact], 3e-6)


def test_second_derivatives_are_those_of_lax():
    with jax.enable_x64(True):
        x, kernel = random((2, 5, 6, 2), 0, np.float64), random((3, 2, 2, 3), 1, np.float64)

        def penalty(function, x, kernel):
            inner = jax.grad(lambda x, kernel: jnp.sum(jnp.tanh(function(x, kernel))), (0, 1))
            return sum(jnp.sum(a**2) for a in inner(x, kernel))

        ours, theirs = (
            jax.grad(functools.partial(penalty, f), (0, 1))(x, kernel)
            for f in (
                lambda x, kernel: convolve(x, kernel, (2, 1), "SAME"),
                lambda x, kernel: reference(x, kernel, (2, 1), "SAME"),
            )
        )
        assert_close(ours, theirs, 1e-12)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="not 'same'"):
        convolve(jnp.zeros((1, 4, 4, 1)), jnp.zeros((3, 3, 1, 1)), padding="same")
    with pytest.raises(ValueError, match="needs"):
        convolve(jnp.zeros((1, 4, 4, 2)), jnp.zeros((3, 3, 1, 1)))


def convolutions(text):
    """The operands of each convolution in lowered text, which show its layout."""
    return [line for line in text.splitlines() if "stablehlo.convolution" in line]


def lowered_gradient(function):
    shapes = jnp.zeros((4, 8, 8, 3)), jnp.zeros((3, 3, 3, 5))
    gradient = jax.grad(lambda x, kernel: jnp.sum(function(x, kernel) ** 2), (0, 1))
    return convolutions(jax.jit(gradient).lower(*shapes).as_text())


def is_forward_form(line):
    return "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]" in line and "reverse" not in line.replace(
        "reverse = [false, false]", ""
    )


def test_every_convolution_of_the_gradient_has_the_fast_form():
    lines = lowered_gradient(convolve)
    assert len(lines) == 3 and all(map(is_forward_form, lines))


def test_automatic_differentiation_writes_slow_forms():
    """The negative control: the check above does fail for what this layer replaces."""
    slow = lowered_gradient(lambda x, kernel: reference(x, kernel, (1, 1), "SAME"))
    assert not all(map(is_forward_form, slow))


DIGEST = """
import hashlib, os
import jax, jax.numpy as jnp
from research.layers.convolution import convolve

def digest(arrays):
    return hashlib.sha256(b"".join(jax.device_get(a).tobytes() for a in arrays)).hexdigest()

def gradients(shape, side, features):
    x = jax.random.normal(jax.random.key(0), shape)
    kernel = jax.random.normal(jax.random.key(1), (side, side, x.shape[3], features))
    loss = lambda x, kernel: jnp.sum(jnp.tanh(convolve(x, kernel)) ** 2)
    def body(i, c):
        dx, dk = jax.grad(loss, (0, 1))(*c)
        return c[0] - 1e-3 * dx, c[1] - 1e-5 * dk
    return jax.jit(lambda n: jax.lax.fori_loop(0, n, body, (x, kernel)))(2)

ours = [*gradients((32, 28, 28, 1), 7, 16), *gradients((32, 14, 14, 16), 3, 32)]
print(len(os.sched_getaffinity(0)), digest(ours))
"""


@pytest.mark.skipif(
    shutil.which("taskset") is None or os.cpu_count() in (None, 1), reason="one core, or no taskset"
)
def test_gradients_have_the_same_bits_on_one_core_and_on_all():
    """In a loop with traced bounds, with the pool fixed as every run has it.

    The negative control is another pool, which does change the bits of these layers.
    """

    def answer(prefix, pool):
        done = subprocess.run(
            [*prefix, sys.executable, "-c", DIGEST],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "NPROC": pool},
        )
        return done.stdout.split()

    all_cores, digest = answer([], "8")
    one_core, one_core_digest = answer(["taskset", "-c", "0"], "8")
    assert int(one_core) == 1 < int(all_cores)
    assert digest == one_core_digest
    assert digest != answer([], "1")[1]

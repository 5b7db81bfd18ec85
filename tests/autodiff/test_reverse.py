"""Reverse mode: the tape, its pullbacks, and tapes of tapes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff import functions as fn
from research.autodiff.forward import derivative, jvp
from research.autodiff.reverse import grad, value_and_grad, vjp
from tests.autodiff.programs import MATRIX, inputs, programs, whole_program

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def f(x: Any, y: Any) -> Any:
    return x**2 * y + y + 2


def test_the_books_function() -> None:
    assert value_and_grad(f, (0, 1))(3, 4) == (42.0, (24.0, 10.0))
    rows = [grad(lambda x, y, k=k: grad(f, (0, 1))(x, y)[k], (0, 1))(3, 4) for k in (0, 1)]
    assert rows == [(8.0, 6.0), (6.0, 0.0)]


def test_jax_agrees_on_all_functions() -> None:
    xs = inputs(0)
    value, found = value_and_grad(lambda *xs: whole_program(fn, *xs), (0, 1, 2))(*xs)
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        f = jax.value_and_grad(lambda *xs: whole_program(jnp, *xs), (0, 1, 2))
        expected, gradients = jax.jit(f)(*xs)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for one, other in zip(found, gradients, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-11)


@settings(max_examples=25)
@given(program=programs, seed=st.integers(0, 1000))
def test_both_modes_say_the_same_to_the_second_order(program: Any, seed: int) -> None:
    """cᵀ (J t) = (cᵀ J) t, for the function and for its gradient."""
    xs, ts = inputs(seed), inputs(seed + 1)

    def dot(gradients: Any) -> Any:
        return sum(fn.sum(g * t) for g, t in zip(gradients, ts, strict=True))

    def g(*xs: Any) -> Any:
        return program(fn, *xs)

    def along(*xs: Any) -> Any:
        return dot(grad(g, (0, 1, 2))(*xs))

    assert along(*xs) == pytest.approx(jvp(g, xs, ts)[1], rel=1e-9, abs=1e-9)
    expected = jvp(along, xs, ts)[1]
    assert dot(grad(along, (0, 1, 2))(*xs)) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@settings(max_examples=15)
@given(program=programs, seed=st.integers(0, 1000))
def test_autograd_agrees_on_random_programs(program: Any, seed: int) -> None:
    autograd = pytest.importorskip("autograd", reason="requirements-oracles.txt is not installed")
    import autograd.numpy as anp

    xs = inputs(seed)
    found = grad(lambda *xs: program(fn, *xs), (0, 1, 2))(*xs)
    expected = autograd.grad(lambda xs: program(anp, *xs))(xs)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


V, M, N, S, T = (3,), (2, 3), (3, 4), (5, 2, 3), (5, 3, 4)
SHAPES = [(V, V), (M, V), (V, N), (M, N), (S, N), (S, T), (S, V), (V, T), ((5, 1, 2, 3), (6, 3, 1))]


@pytest.mark.parametrize("one, other", SHAPES)
def test_products_of_matrices_of_all_shapes(one: tuple, other: tuple) -> None:
    """The transpose, by its definition; and that of the transpose, by the same."""
    random = np.random.default_rng(0)
    x, y, dx, dy = (random.normal(size=s) for s in (one, other, one, other))
    out, pullback = vjp(fn.matmul, x, y)
    np.testing.assert_array_equal(out, x @ y)
    c = random.normal(size=np.shape(out))
    cx, cy = pullback(c)
    assert (cx.shape, cy.shape) == (one, other)
    np.testing.assert_allclose(np.sum(cx * dx), np.sum(c * (dx @ y)), rtol=1e-10)
    np.testing.assert_allclose(np.sum(cy * dy), np.sum(c * (x @ dy)), rtol=1e-10)
    # The derivative of the pullback along (dx, dy) is again linear in both.
    _, tangents = jvp(lambda x, y: fn.sum(vjp(fn.matmul, x, y)[1](c)[0] * dx), (x, y), (dx, dy))
    np.testing.assert_allclose(tangents, np.sum(c * (dx @ dy)), rtol=1e-10)


def test_operations_on_axes_agree_with_jax() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    calls: list[Any] = [
        lambda lib: lambda x: lib.sum(x, axis=1),
        lambda lib: lambda x: lib.sum(x, axis=(0, -1), keepdims=True),
        lambda lib: lambda x: lib.sum(x, keepdims=True),
        lambda lib: lambda x: lib.mean(x, axis=-1),
        lambda lib: lambda x: lib.mean(x),
        lambda lib: lambda x: lib.transpose(x, (2, 0, 1)) ** 2,
        lambda lib: lambda x: x.T * 3,
        lambda lib: lambda x: lib.reshape(x, (4, -1)) ** 2,
        lambda lib: lambda x: x[1, ..., ::2] * x[0, :, None, 1],
        lambda lib: lambda x: x[:, np.array([0, 0, 2])] ** 2,
        lambda lib: lambda x: lib.stack([x, 2 * x, x * x], axis=-2),
        lambda lib: lambda x: lib.concatenate([x, x[:1] ** 2], axis=0),
        lambda lib: lambda x: lib.where(x > 0, x[0], 2.0) * lib.where(x[0, 0] > 0, 3.0, x),
        lambda lib: lambda x: lib.broadcast_to(x[:, :1], (2, 3, 4)) * x,
    ]
    logsumexps = [(axis, keep) for axis in (None, 0, (1, 2)) for keep in (False, True)]
    pairs = [(call(fn), call(jnp)) for call in calls] + [
        (lambda x, a=a, k=k: fn.logsumexp(x, a, k),
         lambda x, a=a, k=k: jax.nn.logsumexp(x, axis=a, keepdims=k)) for a, k in logsumexps
    ]  # fmt: skip
    outs, pullbacks = zip(*(vjp(ours, x) for ours, _ in pairs), strict=True)
    cotangents = [np.random.default_rng(0).normal(size=np.shape(out)) for out in outs]

    def expect(x: Any) -> Any:
        there = [jax.vjp(theirs, x) for _, theirs in pairs]
        return [(out, back(c)[0]) for (out, back), c in zip(there, cotangents, strict=True)]

    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        expected = jax.jit(expect)(x)
    found = [(out, pull(c)[0]) for out, pull, c in zip(outs, pullbacks, cotangents, strict=True)]
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-11, err_msg=str(k))


def test_logsumexp_does_not_overflow() -> None:
    value, gradient = value_and_grad(fn.logsumexp)(np.array([1000.0, 1000.0, -np.inf]))
    assert value == pytest.approx(1000 + np.log(2))
    np.testing.assert_allclose(gradient, [0.5, 0.5, 0.0])


def test_a_gradient_of_a_gradient_of_a_gradient() -> None:
    third = grad(grad(grad(lambda x: fn.tanh(x) * fn.exp(2 * x))))
    with jax.enable_x64(True):
        expected = jax.jit(jax.grad(jax.grad(jax.grad(lambda x: jnp.tanh(x) * jnp.exp(2 * x)))))
        assert third(0.3) == pytest.approx(float(expected(0.3)), rel=1e-12)


def test_tapes_and_perturbations_are_kept_apart() -> None:
    ways = (grad, derivative)
    for outer in ways:
        for inner in ways:
            assert outer(lambda x, inner=inner: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
            assert outer(lambda x, inner=inner: inner(lambda y: x * y**3)(x))(2.0) == 36.0


def test_a_pullback_can_be_called_again_and_differentiated() -> None:
    x = np.array([0.1, 0.2, 0.3])
    _, pullback = vjp(lambda x: fn.sin(fn.matmul(MATRIX, x)), x)
    first, second = pullback(np.eye(3)[0])[0], pullback(np.eye(3)[1])[0]
    np.testing.assert_array_equal(pullback(np.eye(3)[0])[0], first)
    np.testing.assert_allclose(pullback(np.array([2.0, 1.0, 0.0]))[0], 2 * first + second)
    # It is linear: its own gradient is the Jacobian, for any cotangent.
    found = grad(lambda c: fn.sum(pullback(c)[0]))(np.ones(3))
    np.testing.assert_allclose(
        found, jvp(lambda x: fn.sin(fn.matmul(MATRIX, x)), (x,), (np.ones(3),))[1]
    )


def test_what_does_not_matter_has_a_gradient_of_zeros() -> None:
    found = grad(lambda x, y: y * 2, (0, 1))(np.ones(3), 1.0)
    np.testing.assert_array_equal(found[0], np.zeros(3))
    assert found[1] == 2.0
    np.testing.assert_array_equal(grad(lambda x: 1.0)(np.ones(2)), np.zeros(2))


def test_a_python_branch_is_taken_as_without_a_derivative() -> None:
    g = grad(lambda x: x**2 if x > 1 else 3 * x)
    assert (g(2.0), g(0.5)) == (4.0, 3.0)


def test_the_memory_of_a_tape_is_free_when_it_has_been_used() -> None:
    class Watched(np.ndarray):
        pass

    gc.disable()
    try:
        x = np.ones(4).view(Watched)
        watch = weakref.ref(x)
        grad(lambda x: fn.sum(fn.sin(x) * x))(x)
        del x
        assert watch() is None
    finally:
        gc.enable()


def test_what_has_no_gradient_is_named() -> None:
    with pytest.raises(ValueError, match=r"an array of shape \(3,\): sum it"):
        grad(lambda x: x * 2)(np.ones(3))
    with pytest.raises(ValueError, match=r"shape of its value, \(3,\); this one has \(2,\)"):
        vjp(lambda x: x * 2, np.ones(3))[1](np.ones(2))
    with pytest.raises(ValueError, match="real numbers"):
        grad(lambda x: x)("three")
    with pytest.raises(ValueError, match="`stack`"):
        grad(lambda x: [x, x])(1.0)

"""Forward mode: dual numbers, alone and nested."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff import functions
from research.autodiff.forward import Dual, derivative, jvp
from research.autodiff.operations import Operation
from tests.autodiff.programs import inputs, programs, whole_program

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def test_dual_numbers_multiply_as_in_the_book() -> None:
    product = Dual(1, 3.0, 4.0) * Dual(1, 5.0, 7.0)
    assert (product.primal, product.tangent) == (15.0, 41.0)


def test_the_books_function() -> None:
    def f(x: Any, y: Any) -> Any:
        return x**2 * y + y + 2

    assert jvp(f, (3, 4), (1, 0)) == (42.0, 24.0)
    assert jvp(f, (3, 4), (0, 1)) == (42.0, 10.0)
    by_x = lambda x: derivative(lambda y: f(x, y))(4.0)  # noqa: E731
    assert derivative(by_x)(3.0) == 6.0


def test_jax_agrees_on_all_functions() -> None:
    primals, tangents = inputs(0), inputs(1)
    found = jvp(lambda *xs: whole_program(functions, *xs), primals, tangents)
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        f = jax.jit(lambda xs, ts: jax.jvp(lambda *xs: whole_program(jnp, *xs), xs, ts))
        np.testing.assert_allclose(found, f(primals, tangents), rtol=1e-12)


@settings(max_examples=30)
@given(program=programs, seed=st.integers(0, 1000))
def test_differences_agree_on_random_programs(program: Any, seed: int) -> None:
    primals, tangents = inputs(seed), inputs(seed + 1)

    def f(*xs: Any) -> Any:
        return program(functions, *xs)

    def moved(step: float) -> Any:
        return f(*(x + step * t for x, t in zip(primals, tangents, strict=True)))

    value, tangent = jvp(f, primals, tangents)
    assert value == f(*primals)
    assert tangent == pytest.approx((moved(1e-6) - moved(-1e-6)) / 2e-6, rel=1e-5, abs=1e-5)


def test_a_perturbation_is_not_taken_for_another() -> None:
    """The example of Siskind and Pearlmutter: the inner derivative is 1, whatever x is."""
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(1.0) == 1.0
    # d/dx [x d/dy (x y)] = d/dx x² and so on inwards.
    assert derivative(lambda x: x * derivative(lambda y: x * y)(2.0))(3.0) == 6.0

    def three(x: Any) -> Any:
        inner = lambda y: y * derivative(lambda z: x * y * z + z**3)(y)  # noqa: E731
        return derivative(inner)(x) * x

    # d/dz = x y + 3 z², at z = y times y: x y² + 3 y³; d/dy at y = x: 2 x² + 9 x²; times x.
    assert derivative(three)(2.0) == pytest.approx(33 * 2.0**2)
    # With one ε for both, as this has, the example gives 2.
    one = Dual(1, 1.0, 1.0)
    assert (one * (one + Dual(1, 1.0, 1.0)).tangent).tangent == 2.0


def test_a_value_that_escapes_is_a_constant_to_the_next_derivative() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x * x

    derivative(f)(3.0)
    escaped = derivative(lambda y: y * kept[0])(2.0)
    # The derivative of 3 y is 3: with levels by depth, it would be y + 3 = 5.
    assert escaped.primal == 3.0


def test_derivatives_of_higher_order() -> None:
    f = lambda x: functions.exp(functions.sin(x)) / x  # noqa: E731
    g = lambda x: jnp.exp(jnp.sin(x)) / x  # noqa: E731
    ours, theirs = f, g
    for _ in range(4):
        ours, theirs = derivative(ours), jax.grad(theirs)
    with jax.enable_x64(True):
        assert ours(0.7) == pytest.approx(float(jax.jit(theirs)(0.7)), rel=1e-12)


def test_a_rule_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from research.autodiff import elementwise

    wrong = Operation("sin", elementwise.SIN.compute, *2 * ((lambda t, _, x: t * x,),), True)
    monkeypatch.setattr(elementwise, "SIN", wrong)
    assert derivative(functions.sin)(0.3) != pytest.approx(math.cos(0.3), rel=1e-3)


def test_a_function_that_does_not_depend_on_its_argument() -> None:
    value, tangent = jvp(lambda x: np.ones(3), (2.0,), (1.0,))
    np.testing.assert_array_equal(value, np.ones(3))
    np.testing.assert_array_equal(tangent, np.zeros(3))


@pytest.mark.parametrize("constant", [np.ones((2, 3)), np.ones(3), 2.0])
def test_a_tangent_has_the_shape_of_its_value(constant: Any) -> None:
    for f in (lambda x: x + constant, lambda x: constant - x, lambda x: x / constant):
        value, tangent = jvp(f, (1.5,), (1.0,))
        assert np.shape(value) == np.shape(tangent) == np.shape(constant)


def test_float32_stays_float32() -> None:
    x = np.ones(3, np.float32)
    f = lambda x: functions.maximum(2 * x, 1) ** 2 + functions.mean(functions.abs(x))  # noqa: E731
    value, tangent = jvp(f, (x,), (np.ones(3),))
    assert value.dtype == tangent.dtype == np.float32


def test_what_cannot_be_differentiated_is_named() -> None:
    with pytest.raises(ValueError, match="real numbers"):
        derivative(lambda x: x)(1j)
    with pytest.raises(ValueError, match="function of one number"):
        derivative(lambda x: x)(np.ones(2))
    with pytest.raises(ValueError, match=r"shape of its value, \(2,\); this one has \(3,\)"):
        jvp(lambda x: x, (np.ones(2),), (np.ones(3),))
    with pytest.raises(ValueError, match="one tangent; there are 1 and 2"):
        jvp(lambda x: x, (1.0,), (1.0, 1.0))
    with pytest.raises(ValueError, match="`stack`"):
        jvp(lambda x: [x, x], (1.0,), (1.0,))

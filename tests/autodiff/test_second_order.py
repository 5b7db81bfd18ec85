"""Hyper-dual numbers and power series: second derivatives, and those of any order."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.experimental.jet import jet

from research.autodiff import functions as fn
from research.autodiff import hyper_dual, recurrences
from research.autodiff.forward import derivative, jvp
from research.autodiff.hyper_dual import HyperDual, second_derivatives
from research.autodiff.operations import apply, elementwise
from research.autodiff.reverse import grad
from research.autodiff.taylor import derivatives, expand
from tests.autodiff.programs import inputs, programs, whole_program

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def pack(program: Any) -> Any:
    """A program of a number, a vector and a matrix as one of a vector of ten."""
    return lambda lib, v: program(lib, v[0], v[1:4], lib.reshape(v[4:], (2, 3)))


def point(seed: int) -> np.ndarray:
    return np.concatenate([np.ravel(x) for x in inputs(seed)])


def test_hyper_dual_numbers_multiply() -> None:
    """(a + bε₁ + cε₂ + dε₁ε₂) times another: what has ε₁² or ε₂² is gone."""
    product = HyperDual(1, 2.0, 3.0, 5.0, 7.0) * HyperDual(1, 11.0, 13.0, 17.0, 19.0)
    assert product.parts() == (22.0, 59.0, 89.0, 2 * 19 + 3 * 17 + 5 * 13 + 7 * 11.0)


def test_the_books_hessian() -> None:
    found = hyper_dual.hessian(lambda v: v[0] ** 2 * v[1] + v[1] + 2)(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(found, [[8, 6], [6, 0]])


def test_jax_agrees_with_hyper_duals_on_all_functions() -> None:
    f, x = pack(whole_program), point(0)
    u, v = point(1), point(2)
    found = second_derivatives(lambda x: f(fn, x), x, u, v)

    def along(x: Any) -> Any:
        return jax.jvp(lambda x: f(jnp, x), (x,), (v,))

    def expect(x: Any) -> Any:
        (value, second), (first, both) = jax.jvp(along, (x,), (u,))
        return value, first, second, both

    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        np.testing.assert_allclose(found, jax.jit(expect)(x), rtol=1e-10)


@settings(max_examples=20)
@given(program=programs, seed=st.integers(0, 1000))
def test_all_modes_agree_on_random_programs(program: Any, seed: int) -> None:
    f, x, u, v = pack(program), point(seed), point(seed + 1), point(seed + 2)
    g = lambda x: f(fn, x)  # noqa: E731
    value, first, second, both = second_derivatives(g, x, u, v)
    assert value == pytest.approx(g(x), rel=1e-12)
    assert first == pytest.approx(jvp(g, (x,), (u,))[1], rel=1e-10, abs=1e-10)
    assert second == pytest.approx(fn.sum(grad(g)(x) * v), rel=1e-10, abs=1e-10)
    nested = jvp(lambda x: jvp(g, (x,), (v,))[1], (x,), (u,))[1]
    assert both == pytest.approx(nested, rel=1e-9, abs=1e-9)

    along = lambda t: g(x + t * u)  # noqa: E731
    found = derivatives(along, 3)(0.0)
    expected = [along(0.0)]
    for _ in range(3):
        along = derivative(along)
        expected.append(along(0.0))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


CURVES: list[Any] = [
    lambda lib, x: lib.exp(lib.sin(x)) / (2 + lib.cos(x)),
    lambda lib, x: lib.log(1 + x * x) * lib.tanh(x),
    lambda lib, x: lib.sqrt(2 + x) ** 3 - 1 / x,
    lambda lib, x: lib.sum(lib.sin(x) * x),
    lambda lib, x: lib.maximum(x, 0.9) + lib.abs(x - 0.6),
]


@pytest.mark.parametrize("f", CURVES)
def test_jax_jet_agrees(f: Any) -> None:
    """Its coefficients are derivatives: k! times ours."""
    random = np.random.default_rng(0)
    curve = [np.array([0.4, 0.7, 1.3]), *random.normal(size=(4, 3))]
    scales = [math.factorial(k) for k in range(5)]
    found = expand(lambda x: f(fn, x), curve)
    series = [k * c for k, c in zip(scales, curve, strict=True)]
    with jax.enable_x64(True):
        ours = [jnp.asarray(c) for c in series]
        there = jax.jit(lambda x, more: jet(lambda x: f(jnp, x), (x,), (more,)))
        first, rest = there(ours[0], ours[1:])
    for k, c, expected in zip(scales, found, [first, *rest], strict=True):
        np.testing.assert_allclose(k * c, expected, rtol=1e-10, atol=1e-10)


def test_series_that_are_known() -> None:
    zero_and_one = [0.0, 1.0, *[0.0] * 8]
    np.testing.assert_allclose(
        expand(fn.exp, zero_and_one), [1 / math.factorial(k) for k in range(10)], rtol=1e-14
    )
    np.testing.assert_allclose(expand(lambda x: 1 / (1 - x), zero_and_one), np.ones(10))
    geometric = expand(lambda x: fn.log(1 - x), zero_and_one)
    np.testing.assert_allclose(geometric[1:], [-1 / k for k in range(1, 10)], rtol=1e-14)
    # sin² + cos² is 1: all other coefficients go away.
    one = expand(lambda x: fn.sin(x) ** 2 + fn.cos(x) ** 2, [0.3, 1.0, -2.0, 0.5, 4.0])
    np.testing.assert_allclose(one, [1, 0, 0, 0, 0], atol=1e-14)
    assert derivatives(lambda x: x**4, 6)(2.0) == [16, 32, 48, 48, 24, 0, 0]
    # At 0 a power has no logarithm, and yet all derivatives.
    assert derivatives(lambda x: x**3 + 2, 4)(0.0) == [2, 0, 0, 6, 0]


def test_broken_and_traced_powers() -> None:
    for f in (lambda x: x**2.5, lambda x: x**x, lambda x: 2.0**x, lambda x: x**-2):
        found, nested = derivatives(f, 3)(1.7), f
        for k in range(4):
            assert found[k] == pytest.approx(nested(1.7), rel=1e-12)
            nested = derivative(nested)
        both = second_derivatives(f, 1.7, 1.0, 1.0)
        assert both[1:] == pytest.approx((found[1], found[1], found[2]), rel=1e-12)


def test_series_and_hyper_duals_nest_with_other_modes() -> None:
    """By x, at any x, the derivatives of x y³ by y at 3: 6 y of the second, 6 of the third."""
    second = lambda x: second_derivatives(lambda y: x * y**3, 3.0, 1.0, 1.0)[3]  # noqa: E731
    assert grad(second)(2.0) == derivative(second)(2.0) == 18.0
    third = lambda x: derivatives(lambda y: x * y**3, 3)(3.0)[3]  # noqa: E731
    assert grad(third)(2.0) == derivative(third)(2.0) == 6.0
    assert derivatives(lambda x: x * derivative(lambda y: x + y)(1.0), 1)(1.0) == [1.0, 1.0]
    # A whole exponent that is itself what the derivative is by.
    by_power = grad(lambda r: derivatives(lambda x: x**r, 1)(1.5)[1])(2.0)
    assert by_power == pytest.approx(1.5 + 2 * 1.5 * math.log(1.5))


def test_a_recurrence_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from research.autodiff import elementwise as each

    monkeypatch.setitem(recurrences.RECURRENCES, each.SIN, lambda u: [fn.sin(u[0]), *u[1:]])
    monkeypatch.setitem(hyper_dual.DERIVATIVES, each.SIN, lambda x: (fn.sin(x), 1.0, 0.0))
    assert derivatives(fn.sin, 2)(0.3)[1] != pytest.approx(math.cos(0.3), rel=1e-3)
    assert second_derivatives(fn.sin, 0.3, 1.0, 1.0)[3] != pytest.approx(-math.sin(0.3), rel=1e-3)


def test_a_function_of_ones_own_has_what_its_rule_gives() -> None:
    """By one rule, all orders of the modes that nest; the other two say that they lack theirs."""
    own = elementwise("sinh", np.sinh, lambda t, out, x: t * fn.sqrt(1 + out * out))
    sinh = lambda x: apply(own, x)  # noqa: E731
    assert grad(grad(sinh))(0.7) == pytest.approx(math.sinh(0.7), rel=1e-14)
    assert derivative(grad(derivative(sinh)))(0.7) == pytest.approx(math.cosh(0.7), rel=1e-14)
    with pytest.raises(ValueError, match="second derivative of `sinh`"):
        second_derivatives(sinh, 0.7, 1.0, 1.0)
    with pytest.raises(ValueError, match="recurrence for `sinh`"):
        derivatives(sinh, 2)(0.7)


def test_curves_that_do_not_fit_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"as many coefficients, at least one; these have \[2, 1\]"
    ):
        expand(lambda x, y: x + y, [0.0, 1.0], [1.0])
    with pytest.raises(ValueError, match="shape of its value"):
        expand(lambda x: x, [np.ones(2), np.ones(3)])
    with pytest.raises(ValueError, match="shape of its value"):
        second_derivatives(lambda x: x, np.ones(2), 1.0, 1.0)

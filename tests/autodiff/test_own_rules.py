"""Rules of a function's own, where those of its parts give nan, inf or overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.autodiff.miniature.arithmetic import div, exp, log, matmul, sin, sqrt
from research.autodiff.miniature.axes import reduce_sum
from research.autodiff.miniature.batching import custom_jvp, vmap
from research.autodiff.miniature.differentiation import grad, jvp, linearize
from research.autodiff.miniature.own_rules import norm, sigmoid, sinc, softplus
from research.autodiff.miniature.tracing import trace

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def naive_softplus(x: Any) -> Any:
    return log(exp(x) + 1.0)


def naive_norm(x: Any) -> Any:
    return sqrt(matmul(x, x))


def naive_sinc(x: Any) -> Any:
    return div(sin(x), x)


def derivatives(function: Callable[[Any], Any], x: float, count: int) -> list[float]:
    found = [float(function(x))]
    for _ in range(count):
        function = grad(function)
        found.append(float(function(x)))
    return found


@pytest.mark.parametrize("x", [1e3, 50.0, 0.0, -3.0, -1e3])
def test_softplus_and_its_derivatives_are_right_everywhere(x: float) -> None:
    with jax.enable_x64(True):
        theirs: Callable = jax.nn.softplus
        expected = [theirs(x)]
        for _ in range(3):
            theirs = jax.grad(theirs)
            expected.append(theirs(x))
    np.testing.assert_allclose(derivatives(softplus, x, 3), expected, rtol=1e-13, atol=1e-16)


def test_by_its_parts_softplus_overflows() -> None:
    """The negative control: where e^x is inf, the slope is inf / inf."""
    assert derivatives(naive_softplus, 1e3, 1)[0] == np.inf
    assert np.isnan(grad(naive_softplus)(1e3))
    np.testing.assert_allclose(grad(naive_softplus)(2.0), grad(softplus)(2.0), rtol=1e-14)


def test_a_norm_has_a_gradient_at_zero() -> None:
    zero, x = np.zeros(3), np.array([3.0, 0.0, 4.0])
    assert np.isnan(grad(naive_norm)(zero)).all()
    np.testing.assert_array_equal(grad(norm)(zero), zero)
    np.testing.assert_allclose(grad(norm)(x), x / 5, rtol=1e-14)
    hessian = vmap(lambda v: jvp(grad(norm), (x,), (v,))[1])(np.eye(3))
    np.testing.assert_allclose(hessian, (np.eye(3) - np.outer(x, x) / 25) / 5, atol=1e-15)
    # A batch in which one row is 0 spoils no other, and not itself.
    rows = np.stack([zero, x])
    np.testing.assert_allclose(vmap(grad(norm))(rows), [zero, x / 5], rtol=1e-14)
    assert np.isnan(vmap(grad(naive_norm))(rows)[0]).all()


def test_sinc_has_all_derivatives_at_zero() -> None:
    """1 - x²/6 + x⁴/120: 1, 0, -1/3, 0, 1/5."""
    assert np.isnan(derivatives(naive_sinc, 0.0, 1)).all()
    np.testing.assert_allclose(derivatives(sinc, 0.0, 4), [1, 0, -1 / 3, 0, 1 / 5], atol=1e-16)


def test_sinc_is_right_near_zero_and_far_where_its_formula_is_not() -> None:
    """By the first terms of the power series, and by the quotient rule far from 0."""
    x = 1e-5
    exact = [1 - x**2 / 6, -x / 3 + x**3 / 30, -1 / 3 + x**2 / 10]
    np.testing.assert_allclose(derivatives(sinc, x, 2), exact, rtol=1e-14)
    assert abs(derivatives(naive_sinc, x, 2)[2] - exact[2]) > 1e-8
    for x in (0.9, 1.1, 1.9, 2.1, -2.5, 2.9, 3.1, 40.0):
        with jax.enable_x64(True):
            theirs: Callable = lambda x: jnp.sin(x) / x  # noqa: E731
            expected = [theirs(x)]
            for _ in range(3):
                theirs = jax.grad(theirs)
                expected.append(theirs(x))
        np.testing.assert_allclose(derivatives(sinc, x, 3), expected, atol=1e-13)


def test_a_function_with_its_own_rule_is_one_equation_until_it_is_differentiated() -> None:
    program = trace(lambda x: softplus(x) * 2.0, 1.0)
    assert [each.primitive.name for each in program.equations] == ["softplus", "mul"]
    linear = linearize(softplus, 1.0).program
    assert [each.primitive.name for each in linear.equations] == ["mul"]


def test_a_batch_of_it_keeps_its_rule() -> None:
    x = np.array([-1e3, 0.0, 1e3])
    np.testing.assert_array_equal(vmap(grad(softplus))(x), [0, 0.5, 1])
    np.testing.assert_array_equal(grad(lambda x: reduce_sum(vmap(softplus)(x)))(x), [0, 0.5, 1])
    np.testing.assert_array_equal(vmap(vmap(sigmoid))(x[None]), [[0, 0.5, 1]])
    np.testing.assert_allclose(vmap(grad(grad(sinc)))(np.zeros(2)), [-1 / 3, -1 / 3])


def test_a_rule_of_two_inputs_is_used_whichever_of_them_moves_or_is_mapped() -> None:
    """A planted rule, twice the true one, shows that it and no other is used."""
    product = custom_jvp(
        lambda x, y: x * y, lambda z, inputs, t: 2.0 * (inputs[1] * t[0] + inputs[0] * t[1]), "mine"
    )
    assert (grad(product)(3.0, 5.0), grad(product, 1)(3.0, 5.0)) == (10.0, 6.0)
    assert grad(lambda x: product(x, x))(3.0) == 12.0
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(vmap(product, (True, False))(x, 5.0), 5 * x)
    np.testing.assert_array_equal(vmap(grad(product, 1), (True, False))(x, 5.0), 2 * x)
    mapped = vmap(product, (False, True))
    np.testing.assert_array_equal(grad(lambda y: reduce_sum(mapped(3.0, y)))(x), [6, 6])

"""Finite differences: the chapter's figures, orders, best steps, and what they cannot give."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from research.autodiff.differences import (
    best_step,
    expected_error,
    gradient,
    hessian,
    jacobian,
)
from research.autodiff.symbolic import OPERATIONS, Expression, evaluate, evaluate_nodes
from research.autodiff.symbolic_rules import differentiate
from tests.autodiff.graphs import expressions, points

pytestmark = pytest.mark.usefixtures("plainly_compiled")
METHODS = ("forward", "central", "richardson", "complex")


def chapter(v: np.ndarray) -> np.ndarray:
    """Géron, appendix D: f(x, y) = x²y + y + 2."""
    return v[0] ** 2 * v[1] + v[1] + 2


def test_the_figures_of_the_chapter_to_the_last_digit() -> None:
    found = gradient(chapter, [3.0, 4.0], "forward", step=1e-4)
    assert found.tolist() == [24.000400000048216, 10.000000000047748]
    np.testing.assert_allclose(
        hessian(chapter, [3.0, 4.0], "forward", step=1e-4),
        [[7.99999995, 6.00009926], [6.00009926, -1.42e-06]],
        atol=6e-9,
    )


@pytest.mark.parametrize(
    "step, value",
    [(1e-4, 1.000050001667141), (1e-8, 0.99999999392252903), (1e-12, 1.000088900582341)],
)
def test_a_step_may_be_too_long_and_too_short(step: float, value: float) -> None:
    assert gradient(math.exp, 0.0, "forward", step) == value


def squire_and_trapp(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)


def test_a_complex_step_is_in_error_by_its_square_and_may_be_as_short_as_one_likes() -> None:
    """Squire and Trapp 1998, their example: 4.053427893898621 at 1.5."""
    exact = 4.053427893898621
    errors = [
        abs(gradient(squire_and_trapp, 1.5, "complex", step) - exact) for step in (1e-2, 1e-3, 1e-4)
    ]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 100, rtol=0.01)
    for step in (1e-8, 1e-16, 1e-100, 1e-300):
        assert gradient(squire_and_trapp, 1.5, "complex", step) == pytest.approx(exact, rel=2e-15)
    # Where one subtracts, that is the end.
    assert abs(gradient(squire_and_trapp, 1.5, "central", 1e-15) - exact) > 1e-3


def test_best_steps_are_those_of_the_books() -> None:
    steps = [best_step(np.float64, method) for method in ("forward", "central")]
    np.testing.assert_allclose(steps, [1.5e-8, 6e-6], rtol=0.01)
    steps = [best_step(np.float32, method) for method in ("forward", "central")]
    np.testing.assert_allclose(steps, [3.5e-4, 5e-3], rtol=0.02)
    assert best_step(np.float64, "central", order=2) == np.finfo(float).eps ** 0.25
    assert expected_error(np.float64, "forward") == pytest.approx(1.5e-8, rel=0.01)
    assert expected_error(np.float64, "central") == pytest.approx(3.7e-11, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_the_best_step_is_the_best_and_its_error_is_as_expected(dtype: type, method: str) -> None:
    x = np.linspace(0.5, 1.5, 40).astype(dtype)
    exact = np.cos(x.astype(float))

    def error(factor: float) -> float:
        step = factor * best_step(dtype, method)
        return max(abs(np.diagonal(jacobian(np.sin, x, method, step)) - exact))

    expected = expected_error(dtype, method)
    assert expected / 10 < error(1) < 3 * expected or method == "complex"
    if method == "complex":
        assert max(error(1), error(1e-3)) < 3 * expected
    else:
        assert min(error(0.01), error(100)) > 10 * error(1)
    found = jacobian(np.sin, x, method)
    assert found.dtype == dtype
    assert max(abs(np.diagonal(found) - exact)) < 3 * expected
    second = [hessian(np.sin, each, method) for each in x]
    assert max(abs(second + np.sin(x))) < 5 * expected_error(dtype, method, order=2)


@settings(max_examples=20)
@given(
    coefficients=st.lists(st.integers(-5, 5), min_size=6, max_size=6),
    x=st.floats(-1, 1),
    step=st.sampled_from([0.125, 0.5]),
)
def test_what_is_left_out_of_the_series(coefficients: list[int], x: float, step: float) -> None:
    """Each method is exact for polynomials up to its order, and not for the next power."""
    for method, order in {"forward": 1, "central": 2, "complex": 2, "richardson": 4}.items():
        low = np.polynomial.Polynomial(coefficients[: order + 1])
        assert gradient(low, x, method, step) == pytest.approx(low.deriv()(x), abs=1e-11)
        higher = low + np.polynomial.Polynomial([0] * (order + 1) + [1])
        assert abs(gradient(higher, x, method, step) - higher.deriv()(x)) > step**order / 5


def network(x: Any, xp: Any = np) -> Any:
    """Two outputs of six inputs `[2, 3]`, analytic."""
    hidden = xp.tanh(xp.asarray([[0.5, -1.0], [0.25, 2.0]]) @ xp.sin(x))
    return xp.sum(hidden * xp.exp(-x), axis=1)


def squared(x: Any, xp: Any = np) -> Any:
    return xp.sum(network(x, xp) ** 2)


AT = np.random.default_rng(0).uniform(-1, 1, (2, 3))


@cache
def by_jax() -> list[np.ndarray]:
    """The Jacobian of `network`, the gradient and the Hessian of `squared`."""

    @jax.jit
    def all_three(x: jax.Array) -> list[jax.Array]:
        makers = (jax.jacobian, network), (jax.grad, squared), (jax.hessian, squared)
        return [make(partial(f, xp=jnp))(x) for make, f in makers]

    with jax.enable_x64(True):
        return [np.asarray(each) for each in all_three(jnp.asarray(AT))]


@pytest.mark.parametrize("method", METHODS)
def test_jax_agrees(method: str) -> None:
    found = jacobian(network, AT, method), gradient(squared, AT, method)
    assert found[0].shape == (2, 2, 3)
    for ours, theirs in zip(found, by_jax(), strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=100 * expected_error(float, method))
    error = 100 * expected_error(float, method, order=2)
    np.testing.assert_allclose(hessian(squared, AT, method), by_jax()[2], rtol=0, atol=error)


def test_numdifftools_agrees() -> None:
    theirs = pytest.importorskip("numdifftools", reason="requirements-oracles.txt is not installed")

    def rosenbrock(v: np.ndarray) -> np.ndarray:
        return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2 + np.sin(v[0] * v[2])

    x = np.array([0.3, -0.7, 1.1])
    found = gradient(rosenbrock, x, "complex")
    np.testing.assert_allclose(found, theirs.Gradient(rosenbrock)(x), rtol=1e-11)
    found = gradient(rosenbrock, x, "richardson")
    np.testing.assert_allclose(found, theirs.Gradient(rosenbrock)(x), rtol=1e-10)
    found = hessian(rosenbrock, x, "complex")
    np.testing.assert_allclose(found, theirs.Hessian(rosenbrock)(x), rtol=1e-8, atol=1e-7)


ANALYTIC = tuple(name for name, operation in OPERATIONS.items() if operation.analytic)


@settings(max_examples=20)
@given(expression=expressions(tuple(name for name in ANALYTIC if name != "where")), at=points)
def test_a_complex_step_is_as_good_as_the_rules(
    expression: Expression, at: dict[str, float]
) -> None:
    derivatives = [differentiate(expression, name) for name in "xy"]
    nodes = evaluate_nodes((expression, *derivatives), at)
    assume(np.all(np.abs(list(nodes.values())) < 1e3))

    def f(v: np.ndarray) -> np.ndarray:
        return evaluate(expression, {"x": v[0], "y": v[1]})

    found = gradient(f, [at["x"], at["y"]], "complex")
    np.testing.assert_allclose(found, [nodes[each] for each in derivatives], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("x", [1e-80, 1e-6, 1.0, 1e10, 1e80])
def test_a_complex_step_needs_no_scale(x: float) -> None:
    assert gradient(np.log, x, "complex") == pytest.approx(1 / x, rel=1e-15)
    assert gradient(np.sin, x, "complex") == pytest.approx(math.cos(x), rel=1e-15)


def test_calls_are_counted() -> None:
    calls = []

    def f(v: np.ndarray) -> np.ndarray:
        calls.append(v.copy())
        return np.sum(v)

    x = np.arange(5.0)
    for method, count in zip(METHODS, (6, 10, 20, 5), strict=True):
        calls.clear()
        np.testing.assert_allclose(gradient(f, x, method), np.ones(5), rtol=1e-7)
        assert len(calls) == count
    np.testing.assert_array_equal(x, np.arange(5.0))


@pytest.mark.parametrize(
    "words, act",
    [
        ("step has to be positive and finite; it is 0", lambda: gradient(np.sin, 1.0, step=0)),
        ("positive and finite; it is -0.1", lambda: hessian(np.sin, 1.0, step=-0.1)),
        ("positive and finite; it is nan", lambda: gradient(np.sin, 1.0, step=math.nan)),
        (
            "1e-08 is lost in float32 beside 3: take a longer one or float64",
            lambda: gradient(np.sin, np.float32(3), "central", 1e-8),
        ),
        (
            "lost in float64 beside 1e\\+10: take a longer one$",
            lambda: gradient(np.sin, 1e10, step=1e-7),
        ),
        ("no method centrall; did you mean central", lambda: gradient(np.sin, 1.0, "centrall")),
        ("loses the imaginary part", lambda: gradient(np.abs, 1.0, "complex")),
        ("loses the imaginary part", lambda: hessian(lambda v: v.real**2, 1.0, "complex")),
        (
            "answers float64 with float32",
            lambda: gradient(lambda v: np.sin(v.astype(np.float32)), 1.0),
        ),
        ("not an array of shape \\(2,\\)", lambda: gradient(np.sin, [1.0, 2.0])),
        ("not an array of shape \\(2,\\)", lambda: hessian(np.sin, [1.0, 2.0])),
        ("real numbers, at least one; it is complex128", lambda: gradient(np.sin, 1j)),
        ("at least one; it is float64 \\(0,\\)", lambda: gradient(np.sum, [])),
    ],
)
def test_what_cannot_be_is_refused(words: str, act) -> None:
    with pytest.raises(ValueError, match=words):
        act()


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
def test_jax_that_computes_in_float32_is_noticed() -> None:
    """Without `jax.enable_x64` it takes float64 and says nothing, and differences are noise."""
    with pytest.raises(ValueError, match="answers float64 with float32"):
        gradient(lambda x: jnp.sum(jnp.sin(jnp.asarray(x))), np.ones(3))
    found = gradient(lambda x: jnp.sum(jnp.sin(x)), np.ones(3, np.float32))
    np.testing.assert_allclose(found, np.cos(np.ones(3)), atol=1e-4)

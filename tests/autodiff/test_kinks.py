"""What each way says where a function has no derivative, and what JAX says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.autodiff import functions as fn
from research.autodiff.forward import derivative
from research.autodiff.hyper_dual import second_derivatives
from research.autodiff.reverse import grad
from research.autodiff.taylor import derivatives

pytestmark = pytest.mark.usefixtures("plainly_compiled")
WAYS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "forward": derivative,
    "reverse": grad,
    "hyper-dual": lambda f: lambda x: second_derivatives(f, x, 1.0, 1.0)[1],
    "taylor": lambda f: lambda x: derivatives(f, 1)(x)[1],
}
# The function, where, and the derivative there.
POINTS: dict[str, tuple[Any, float, float]] = {
    "|x|": (lambda lib, x: lib.abs(x), 0.0, 0.0),
    "max(x, 0)": (lambda lib, x: lib.maximum(x, 0.0), 0.0, 0.5),
    "max(0, x)": (lambda lib, x: lib.maximum(0.0, x), 0.0, 0.5),
    "max(x, x²)": (lambda lib, x: lib.maximum(x, x * x), 1.0, 1.5),
    "√x": (lambda lib, x: lib.sqrt(x), 0.0, math.inf),
    "x² under √": (lambda lib, x: lib.sqrt(x * x), 0.0, math.nan),
    "where(x > 0, x, 2x)": (lambda lib, x: lib.where(x > 0, x, 2 * x), 0.0, 2.0),
    "where, a pole not chosen": (lambda lib, x: lib.where(x > 0, lib.sqrt(x), 0.0), 0.0, 0.0),
    "where, inside too": (
        lambda lib, x: lib.where(x > 0, lib.sqrt(lib.where(x > 0, x, 1.0)), 0.0), 0.0, 0.0,
    ),
    "x⁰": (lambda lib, x: x**0.0, 0.0, 0.0),
    "x¹": (lambda lib, x: x**1.0, 0.0, 1.0),
    "0ˣ": (lambda lib, x: 0.0**x, 2.0, 0.0),
    "1 / x": (lambda lib, x: 1.0 / x, 0.0, -math.inf),
    "log x": (lambda lib, x: lib.log(x), 0.0, math.inf),
}  # fmt: skip
# The ways that differ from the others, each for its reason.
OTHERWISE = {
    # The cotangent of what was not chosen is 0, and its derivative infinite.
    ("where, a pole not chosen", "reverse"): math.nan,
    # These take x ** y as exp(y log x).
    ("0ˣ", "hyper-dual"): math.nan,
    ("0ˣ", "taylor"): math.nan,
}
# JAX takes the right side of |x|, and y * x ** (y - 1) of x ** y, whatever y is.
JAX = {"|x|": 1.0, "x⁰": math.nan}


@pytest.mark.parametrize("name", POINTS)
def test_what_each_way_says_and_jax_in_both_modes(name: str) -> None:
    f, x, expected = POINTS[name]
    for way, take in WAYS.items():
        with np.errstate(divide="ignore", invalid="ignore"):  # of the function's own value
            for point in (x, np.float64(x)):
                found = float(take(lambda x: f(fn, x))(point))
                np.testing.assert_equal(found, OTHERWISE.get((name, way), expected), way)

    def theirs(x: Any) -> Any:
        g = lambda x: f(jnp, x)  # noqa: E731
        return jax.jvp(g, (x,), (1.0,))[1], jax.grad(g)(x)

    with jax.enable_x64(True):
        forward, reverse = jax.jit(theirs)(x)
    np.testing.assert_equal(float(forward), JAX.get(name, expected))
    known = JAX.get(name, OTHERWISE.get((name, "reverse"), expected))
    np.testing.assert_equal(float(reverse), known)


def test_the_second_derivative_of_a_kink_is_none() -> None:
    for f in (fn.abs, lambda x: fn.maximum(x, 0.0)):
        assert derivative(derivative(f))(0.0) == grad(grad(f))(0.0) == 0.0
        assert second_derivatives(f, 0.0, 1.0, 1.0)[3] == derivatives(f, 2)(0.0)[2] == 0.0
    assert grad(grad(fn.sqrt))(0.0) == derivative(derivative(fn.sqrt))(0.0) == -math.inf


def test_infinite_derivatives_are_given_without_a_warning() -> None:
    """Warnings are errors here; the function's own are its own."""
    assert grad(fn.sqrt)(0.0) == derivative(fn.sqrt)(0.0) == math.inf
    np.testing.assert_array_equal(grad(lambda x: fn.sum(fn.sqrt(x)))(np.zeros(2)), [math.inf] * 2)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        grad(lambda x: fn.sum(fn.log(x)))(np.zeros(2))


FUNCTIONS: list[Callable[[Any], Any]] = [
    *(fn.exp, fn.log, fn.sqrt, fn.sin, fn.cos, fn.tanh),
    *(lambda x, p=p: fn.power(x, p) for p in (0.7, -1.0, 1e300)),
    lambda x: fn.maximum(x, 1.0),
    lambda x: fn.divide(2.0, x),
]


@pytest.mark.parametrize("x", [0.0, -1.0, 2.0, 1000.0, math.inf, -math.inf, math.nan])
def test_numbers_are_calculated_with_as_arrays_are(x: float) -> None:
    with np.errstate(all="ignore"):
        for f in FUNCTIONS:
            np.testing.assert_allclose(f(x), f(np.array([x]))[0], rtol=1e-15)

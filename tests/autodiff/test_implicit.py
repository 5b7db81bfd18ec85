"""Implicit derivatives against unrolled iterations and JAX's own custom root and linear solve."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff.implicit import (
    fixed_point_jvp,
    fixed_point_vjp,
    iterate,
    linear_solve_jvp,
    linear_solve_vjp,
)
from research.autodiff.miniature.arithmetic import cos, matmul, tanh
from research.autodiff.miniature.differentiation import linearize, vjp

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


WEIGHTS = random(4, 4) / 6
"""Of the map x -> tanh(W x + θ), which shrinks distances: W's largest singular value is .62."""


def by_jax(x: Any, theta: Any) -> Any:
    return jnp.tanh(WEIGHTS @ x + theta)


def by_miniature(x: Any, theta: Any) -> Any:
    return tanh(matmul(WEIGHTS, x) + theta)


def solved(theta: np.ndarray) -> np.ndarray:
    return iterate(lambda x: np.tanh(WEIGHTS @ x + theta), np.zeros(4)).value


def test_the_fixed_point_s_derivatives_are_those_of_jax_s_custom_root() -> None:
    theta, along, back = random(3, 4, seed=1)
    x = solved(theta)
    linear = linearize(by_miniature, x, theta)
    zero = np.zeros(4)
    tangent = fixed_point_jvp(lambda v: linear(v, zero), linear(zero, along))
    _, pull = vjp(by_miniature, x, theta)
    cotangent = fixed_point_vjp(lambda w: pull(w)[0], lambda w: pull(w)[1], back)

    def root(theta: Any) -> Any:
        return jax.lax.custom_root(
            lambda x: by_jax(x, theta) - x,
            jnp.zeros(4),
            lambda f, start: jax.lax.fori_loop(0, 80, lambda _, x: x + f(x), start),
            lambda g, y: jnp.linalg.solve(jax.jacobian(g)(y), y),
        )

    with jax.enable_x64(True):
        value, expected = jax.jit(lambda t, v: jax.jvp(root, (t,), (v,)))(theta, along)
        (of_back,) = jax.jit(lambda t, w: jax.vjp(root, t)[1](w))(theta, back)
        np.testing.assert_allclose(x, value, atol=1e-11)
        np.testing.assert_allclose(tangent, expected, atol=1e-11)
        np.testing.assert_allclose(cotangent, of_back, atol=1e-11)
    np.testing.assert_allclose(tangent @ back, along @ cotangent, rtol=1e-10)
    # One application of f, as if x did not move with θ, is not the derivative.
    assert np.max(np.abs(linear(zero, along) - tangent)) > 0.01


def test_an_unrolled_iteration_comes_to_the_same_as_it_goes_on() -> None:
    """Its derivative converges with the iteration, and for that keeps every state."""
    theta, back = random(2, 4, seed=1)
    x = solved(theta)

    def unrolled(theta: Any, count: int) -> Any:
        return jax.lax.scan(lambda x, _: (by_jax(x, theta), None), jnp.zeros(4), length=count)[0]

    with jax.enable_x64(True):
        # The functions that are asked for may as well be JAX's.
        _, pull = jax.vjp(by_jax, x, theta)
        found = fixed_point_vjp(lambda w: pull(w)[0], lambda w: pull(w)[1], back)
        errors = [
            np.max(np.abs(jax.vjp(lambda t, n=n: unrolled(t, n), theta)[1](back)[0] - found))
            for n in (3, 10, 80)
        ]
    assert errors[0] > 1e-3 > errors[1] > 1e-10 > errors[2]


def test_the_cosine_s_fixed_point_moves_as_its_equation_says() -> None:
    """x = θ cos x: ẋ = cos x / (1 + θ sin x), at θ = 1 with the number .739085."""
    found = iterate(np.cos, np.array(1.0))
    np.testing.assert_allclose(found.value, 0.7390851332151607, atol=1e-11)
    _, pull = vjp(lambda x, theta: theta * cos(x), found.value, 1.0)
    slope = fixed_point_vjp(lambda w: pull(w)[0], lambda w: pull(w)[1], np.ones(()))
    np.testing.assert_allclose(slope, np.cos(found.value) / (1 + np.sin(found.value)), atol=1e-11)


def test_another_solver_serves_where_the_series_diverges() -> None:
    """x = x - (x² - θ)·2 has the fixed point √θ, and at θ = 1 the slope 1 - 4 = -3."""
    assert np.isclose(
        fixed_point_jvp(lambda v: -3 * v, np.array(2.0), lambda a, b: b / (1 - a(np.array(1.0)))),
        0.5,
    )
    with pytest.raises(ValueError, match="diverges: step"):
        fixed_point_jvp(lambda v: -3 * v, np.array(2.0))
    with pytest.raises(ValueError, match="no fixed point after 10 steps"):
        iterate(lambda x: -x, np.array(1.0), limit=10)


SOLVE_JVP = jax.jit(lambda primals, tangents: jax.jvp(jnp.linalg.solve, primals, tangents))
SOLVE_VJP = jax.jit(lambda a, b, back: jax.vjp(jnp.linalg.solve, a, b)[1](back))


@settings(max_examples=10)
@given(st.sampled_from([1, 3]), st.integers(0, 1000))
def test_a_linear_solve_s_derivatives_are_jax_s(size: int, seed: int) -> None:
    a, da = random(2, size, size, seed=seed)
    a = a + 4 * np.eye(size)
    b, db, back = random(3, size, seed=seed + 1)
    x = np.linalg.solve(a, b)
    tangent = linear_solve_jvp(lambda b: np.linalg.solve(a, b), lambda x: da @ x, x, db)
    cotangents = linear_solve_vjp(lambda b: np.linalg.solve(a.T, b), lambda w: np.outer(w, x), back)
    with jax.enable_x64(True):
        expected = SOLVE_JVP((a, b), (da, db))[1]
        np.testing.assert_allclose(tangent, expected, rtol=1e-9, atol=1e-12)
        for one, other in zip(cotangents, SOLVE_VJP(a, b, back), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert np.isclose(tangent @ back, np.sum(da * cotangents[0]) + db @ cotangents[1])


def test_a_system_that_is_known_by_its_products_only() -> None:
    """A(θ) x = b with A = I + θ C, against `jax.lax.custom_linear_solve`."""
    c, b, back, theta = random(3, 3) / 4, random(3, seed=1), random(3, seed=2), 0.7
    matrix = np.eye(3) + theta * c
    x = np.linalg.solve(matrix, b)
    of_theta, _ = linear_solve_vjp(
        lambda w: np.linalg.solve(matrix.T, w), lambda w: w @ (c @ x), back
    )

    def theirs(theta: Any) -> Any:
        return jax.lax.custom_linear_solve(
            lambda x: x + theta * (c @ x),
            jnp.asarray(b),
            lambda mv, b: jnp.linalg.solve(jax.jacobian(mv)(b), b),
            lambda mv, b: jnp.linalg.solve(jax.jacobian(mv)(b), b),
        )

    with jax.enable_x64(True):
        (expected,) = jax.jit(lambda t: jax.vjp(theirs, t)[1](back))(theta)
    np.testing.assert_allclose(of_theta, expected, rtol=1e-11)

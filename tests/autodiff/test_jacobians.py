"""Jacobians by columns, rows and colours; Hessians times a vector, four ways."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from research.autodiff import functions as fn
from research.autodiff import hyper_dual, jacobians
from research.autodiff.jacobians import hessian, jacobian_by_columns, jacobian_by_rows
from research.autodiff.sparse_jacobians import color_columns, sparse_jacobian

pytestmark = pytest.mark.usefixtures("plainly_compiled")
EXACT = [
    jacobians.forward_over_reverse,
    jacobians.reverse_over_reverse,
    jacobians.reverse_over_forward,
]
WAYS = [*EXACT, jacobians.differences_of_gradients]
patterns = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=8))


def book(v: Any) -> Any:
    return v[0] ** 2 * v[1] + v[1] + 2


def rosenbrock(lib: Any, x: Any) -> Any:
    return lib.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def tridiagonal(lib: Any, x: Any) -> Any:
    """Broyden's function: a row has an entry on the diagonal and one at either side."""
    zero = np.zeros(1)
    before = lib.concatenate([zero, x[:-1]])
    return (3 - 2 * x) * x - before - 2 * lib.concatenate([x[1:], zero]) + 1


def test_the_books_hessian_by_each_way() -> None:
    x = np.array([3.0, 4.0])
    expected = np.array([[8.0, 6.0], [6.0, 0.0]])
    np.testing.assert_array_equal(hessian(book)(x), expected)
    np.testing.assert_array_equal(hyper_dual.hessian(book)(x), expected)
    for way in EXACT:
        found = np.stack([way(book, x, unit) for unit in np.eye(2)])
        np.testing.assert_array_equal(found, expected)
    found = np.stack([jacobians.differences_of_gradients(book, x, unit) for unit in np.eye(2)])
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_jax_agrees_on_jacobians_and_hessians() -> None:
    x, v = np.random.default_rng(0).normal(size=(2, 6))
    with jax.enable_x64(True):
        jacobian = jax.jit(jax.jacobian(lambda x: tridiagonal(jnp, x)))(x)
        curvature = np.asarray(jax.jit(jax.hessian(lambda x: rosenbrock(jnp, x)))(x))
    for way in (jacobian_by_columns, jacobian_by_rows):
        np.testing.assert_allclose(way(lambda x: tridiagonal(fn, x))(x), jacobian, atol=1e-13)
    for of in (hessian, hyper_dual.hessian):
        np.testing.assert_allclose(of(lambda x: rosenbrock(fn, x))(x), curvature, rtol=1e-12)
    for way in WAYS:
        found = way(lambda x: rosenbrock(fn, x), x, v)
        exact = way is not jacobians.differences_of_gradients
        np.testing.assert_allclose(found, curvature @ v, rtol=1e-11 if exact else 1e-6)


@settings(max_examples=30)
@given(pattern=patterns)
def test_columns_of_one_colour_never_meet(pattern: np.ndarray) -> None:
    colors = color_columns(pattern)
    meet = (pattern.T.astype(int) @ pattern.astype(int)) > 0
    np.fill_diagonal(meet, False)
    assert not (meet & (colors[:, None] == colors)).any()
    assert set(colors) == set(range(colors.max() + 1))
    assert colors.max() <= meet.sum(axis=0).max()
    # At least as many as a row has entries.
    assert colors.max() + 1 >= pattern.sum(axis=1).max()


@settings(max_examples=20)
@given(pattern=patterns, seed=st.integers(0, 100))
def test_a_compressed_jacobian_is_the_whole_one(pattern: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix, x = random.normal(size=pattern.shape) * pattern, random.normal(size=pattern.shape[1])
    f = lambda x: fn.matmul(matrix, fn.sin(x))  # noqa: E731
    found = sparse_jacobian(f, pattern)(x)
    np.testing.assert_allclose(found, matrix * np.cos(x), rtol=1e-12, atol=1e-13)


def test_a_band_takes_as_many_passes_as_it_is_wide() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return tridiagonal(fn, x)

    x, band = np.linspace(-1, 1, 40), np.abs(np.subtract.outer(range(40), range(40))) <= 1
    found = sparse_jacobian(f, band)(x)
    assert len(calls) == 3
    np.testing.assert_array_equal(found, jacobian_by_columns(f)(x))
    # A row that is full needs a pass for each column.
    arrow = np.eye(40, dtype=bool)
    arrow[0] = True
    assert color_columns(arrow).max() + 1 == 40
    assert color_columns(arrow.T).max() + 1 == 2


def test_an_entry_outside_the_pattern_falls_upon_others() -> None:
    x = np.linspace(-1, 1, 5)
    f = lambda x: tridiagonal(fn, x)  # noqa: E731
    assert not np.allclose(sparse_jacobian(f, np.eye(5, dtype=bool))(x), jacobian_by_rows(f)(x))


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"one vector, \[n\], and this has the shape \(\)"):
        jacobian_by_columns(lambda x: x)(1.0)
    with pytest.raises(ValueError, match="one vector"):
        jacobian_by_rows(lambda x: x[0])(np.ones(2))
    with pytest.raises(ValueError, match="pattern has 2 columns, and the Jacobian 3"):
        sparse_jacobian(lambda x: x, np.eye(2))(np.ones(3))
    with pytest.raises(ValueError, match="pattern has 3 rows, and the Jacobian 2"):
        sparse_jacobian(lambda x: x, np.ones((3, 2)))(np.ones(2))
    with pytest.raises(ValueError, match=r"a matrix, \[m, n\]; this has the shape \(3,\)"):
        color_columns(np.ones(3))
    with pytest.raises(ValueError, match="step other than 0"):
        jacobians.differences_of_gradients(book, np.ones(2), np.ones(2), step=0)

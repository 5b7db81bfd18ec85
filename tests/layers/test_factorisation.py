"""Factorisations against NumPy's in float64, and that nothing of them is LAPACK's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.layers.factorisation import eigh, orthogonal, orthonormal_columns

pytestmark = pytest.mark.usefixtures("plainly_compiled")

shapes = st.tuples(st.sampled_from([1, 2, 3, 5, 8, 13]), st.sampled_from([0, 1, 7])).map(
    lambda drawn: (drawn[0] + drawn[1], drawn[0])
)
seeds = st.integers(0, 2**32 - 1)


@given(shapes, seeds)
@settings(max_examples=60)
def test_columns_are_those_of_lapack_with_a_positive_diagonal(shape, seed):
    matrix = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    found = np.asarray(jax.jit(orthonormal_columns)(matrix), np.float64)
    columns, triangle = np.linalg.qr(matrix.astype(np.float64))
    expected = columns * np.sign(np.diagonal(triangle))
    np.testing.assert_allclose(found.T @ found, np.eye(shape[1]), atol=1e-6)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.linalg.cond(matrix))


def test_columns_that_are_nearly_the_same_are_orthogonal_all_the_same():
    """Control: taking away once what lies along the columns before is not enough for these."""
    hilbert = 1.0 / (1.0 + np.add.outer(np.arange(8), np.arange(4)))
    matrix = hilbert.astype(np.float32)
    found = np.asarray(orthonormal_columns(jnp.asarray(matrix)), np.float64)
    np.testing.assert_allclose(found.T @ found, np.eye(4), atol=1e-6)
    once = np.zeros_like(matrix)
    for column in range(4):
        left = matrix[:, column] - once @ (once.T @ matrix[:, column])
        once[:, column] = left / np.linalg.norm(left)
    assert np.abs(once.T @ once - np.eye(4)).max() > 1e-4


def test_more_columns_than_rows_are_refused():
    with pytest.raises(ValueError, match="3 columns of 2 numbers"):
        orthonormal_columns(jnp.ones((2, 3)))


@given(st.integers(1, 12), seeds)
@settings(max_examples=60)
def test_eigenvalues_and_vectors_of_symmetric_matrices(rows, seed):
    drawn = np.random.default_rng(seed).normal(size=(rows, rows))
    matrix = ((drawn + drawn.T) / 2).astype(np.float32)
    _check(matrix)


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(5),
        np.zeros((4, 4)),
        np.diag([3.0, -1.0, 2.0]),
        np.ones((6, 6)),
        1e-3 * np.eye(7) + 1.0,
        np.diag([1e4, 1.0, 1e-4, 1e-4]),
        np.array([[2.0, 1e-30], [1e-30, 1.0]]),
    ],
    ids=["identity", "zero", "diagonal", "one direction", "nearly one", "far apart", "hardly"],
)
def test_eigenvectors_where_they_are_not_unique_or_there_already(matrix):
    _check(matrix.astype(np.float32))


def _check(matrix: np.ndarray) -> None:
    values, vectors = (np.asarray(part, np.float64) for part in jax.jit(eigh)(matrix))
    expected = np.linalg.eigvalsh(matrix.astype(np.float64))
    largest = np.abs(expected).max() + 1e-30
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6 * largest)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(matrix)), atol=2e-6)
    again = vectors * values @ vectors.T
    np.testing.assert_allclose(again, matrix, rtol=0, atol=2e-6 * largest)


@pytest.mark.parametrize("shape", [(16, 8), (8, 16), (3, 3, 4, 16), (5, 1), (1, 7), (64, 64)])
def test_orthogonal_weights_are_those_of_jax_but_for_rounding(shape):
    key = jax.random.key(3)
    found, expected = (
        np.asarray(draw(1.5)(key, shape)) for draw in (orthogonal, jax.nn.initializers.orthogonal)
    )
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert np.abs(found - np.asarray(orthogonal(1.5)(jax.random.key(4), shape))).max() > 0.1
    matrix = found.reshape(-1, shape[-1])
    square = matrix.T @ matrix if len(matrix) >= shape[-1] else matrix @ matrix.T
    np.testing.assert_allclose(square, 1.5**2 * np.eye(len(square)), atol=1e-5)


def test_nothing_of_them_is_lapacks():
    """Control: JAX's own are."""

    def lowered(function, *arguments):
        return jax.jit(function).lower(*arguments).as_text()

    square = jnp.eye(4)
    ours = [lowered(orthonormal_columns, square), lowered(eigh, square)]
    theirs = [lowered(jnp.linalg.qr, square), lowered(jnp.linalg.eigh, square)]
    assert not any("lapack" in text for text in ours) and all("lapack" in text for text in theirs)

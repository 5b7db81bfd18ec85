"""Factorisations of matrices in JAX's own operations, and orthogonal initial weights by them.

LAPACK's follow the kernels that its BLAS chooses for the CPU: two machines draw other orthogonal
weights from one key. These are loops of sums and products, which XLA compiles as it does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

SWEEPS = 8
"""Times that `eigh` goes over all pairs. Convergence is quadratic: float32 needs 6 to 8 sweeps for
matrices up to 100 rows."""


def orthonormal_columns(matrix: jax.Array) -> jax.Array:
    """Q of the factorisation A = Q R in which R is upper triangular with a positive diagonal.

    Column by column, what lies along the columns before is taken away, twice: after the second
    time columns are orthogonal to rounding, where one time leaves errors as large as the matrix is
    ill-conditioned.

    Args:
        matrix: A, float `[rows, columns]`, columns <= rows, of full rank.

    Returns:
        Q, float `[rows, columns]`; the one that LAPACK gives after its signs are turned so.

    Source: Giraud, Langou and Rozložník 2005, "The loss of orthogonality in the Gram-Schmidt
        orthogonalization process" (classical Gram-Schmidt with reorthogonalization).
    """
    rows, columns = matrix.shape
    if columns > rows:
        raise ValueError(f"{columns} columns of {rows} numbers cannot all be orthogonal")

    # Vectors lie in rows here, where they are read and written as a whole.
    def add(index: jax.Array, found: jax.Array) -> jax.Array:
        vector = matrix[:, index]
        for _ in range(2):
            # Vectors that are not found yet are 0 and take nothing away.
            along = jnp.matmul(found, vector, precision="highest")
            vector = vector - jnp.matmul(along, found, precision="highest")
        return found.at[index].set(vector / _length(vector))

    return jax.lax.fori_loop(0, columns, add, jnp.zeros((columns, rows), matrix.dtype)).T


def _length(vector: jax.Array) -> jax.Array:
    """Root of the sum of squares, added in halves: a plain sum's order is the compiler's choice."""
    squares = jnp.square(vector)
    while squares.size > 1:
        half = squares.size // 2
        squares = jnp.concatenate([squares[:half] + squares[half : 2 * half], squares[2 * half :]])
    return jnp.sqrt(squares[0])


def eigh(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix, by Jacobi's rotations.

    A sweep rotates each pair of rows and columns once so that the element between them becomes 0,
    half as many pairs at a time as there are rows: pairs of one round have no row in common.

    Args:
        matrix: float `[rows, rows]`, symmetric.

    Returns:
        Values `[rows]`, and vectors `[rows, rows]`, one in each column, of length 1; its sign is
        the one at which the rotations leave it.

    Source: Golub and Van Loan, *Matrix Computations*, 4th edition, sections 8.5.2 to 8.5.5.
    """
    rows = matrix.shape[0]
    half = (rows + 1) // 2
    # An odd number is made even by a row of its own, which nothing rotates.
    padded = jnp.pad(matrix, (0, 2 * half - rows))
    # Row i meets row i + half; between rounds all but the first move on, as at a tournament.
    turn = jnp.array(
        [0, half, *range(1, half - 1), *range(half + 1, 2 * half), half - 1][: 2 * half]
    )

    def meet(_: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        found, vectors = carry
        diagonal, between = jnp.diagonal(found), jnp.diagonal(found, half)
        cosine, sine = _rotation(diagonal[:half], diagonal[half:], between)
        found = _rotated(_rotated(found, cosine, sine).T, cosine, sine).T
        vectors = _rotated(vectors, cosine, sine)
        return found[turn][:, turn], vectors[turn]

    start = padded, jnp.eye(2 * half, rows, dtype=matrix.dtype)
    found, vectors = jax.lax.fori_loop(0, SWEEPS * max(1, 2 * half - 1), meet, start)
    # After whole sweeps each row is where it was, and the one that was added is the last.
    values = jnp.diagonal(found)[:rows]
    order = jnp.argsort(values)
    return values[order], vectors[:rows][order].T


def _rotation(
    first: jax.Array, second: jax.Array, between: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine of the smaller angle that makes `between` 0; of none where it is."""
    still = between == 0
    slope = (second - first) / (2 * jnp.where(still, 1, between))
    tangent = jnp.where(slope < 0, -1, 1) / (jnp.abs(slope) + jnp.sqrt(1 + jnp.square(slope)))
    tangent = jnp.where(still, 0, tangent)
    cosine = 1 / jnp.sqrt(1 + jnp.square(tangent))
    return cosine, tangent * cosine


def _rotated(rows: jax.Array, cosine: jax.Array, sine: jax.Array) -> jax.Array:
    """The first half of the rows and the second, each turned with its partner.

    As small corrections, c a - s b = a - s (b + a s / (1 + c)), which leave rounding errors of
    their own size where angles are small (Rutishauser 1966).
    """
    first, second = jnp.split(rows, 2)
    sine, half = sine[:, None], (sine / (1 + cosine))[:, None]
    turned = first - sine * (second + half * first), second + sine * (first - half * second)
    return jnp.concatenate(turned)


Initializer = Callable[..., jax.Array]
"""(key, shape, dtype) -> initial weights."""


def orthogonal(scale: float) -> Initializer:
    """Orthogonal initialisation (Saxe et al. 2014, arXiv 1312.6120), one member at a time.

    Weights `[..., outputs]` are a matrix with a column for each output; of its columns or rows,
    whichever are fewer, all have length `scale` and are orthogonal. They are drawn as by
    `jax.nn.initializers.orthogonal`, and equal to those but for rounding.

    Under `jax.vmap` it runs in sequence, so that a member's parameters do not depend on how many
    members there are.

    Source: Mezzadri 2007, "How to generate random matrices from the classical compact groups".
    """

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        rows, columns = math.prod(shape[:-1]), shape[-1]

        def draw(key: jax.Array) -> jax.Array:
            tall = max(rows, columns), min(rows, columns)
            found = orthonormal_columns(jax.random.normal(key, tall, dtype))
            return jnp.asarray(scale, dtype) * (found if rows >= columns else found.T)

        return jax.custom_batching.sequential_vmap(draw)(key).reshape(shape)

    return init

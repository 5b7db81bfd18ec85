"""Implicit differentiation: derivatives of what an equation defines, by its solution alone.

A fixed point x = f(x, θ) moves with θ so that the equation stays true: ẋ = A ẋ + B θ̇, where A and
B are the derivatives of f with respect to x and θ at the solution. How the solution was found does
not matter, and no iteration is kept. A linear system A x = b is the same: A ẋ = ḃ - Ȧ x.

The products with A, B and their transposes are given as functions, as any way of differentiating
makes them: those of `jax.jvp` and `jax.vjp`, or of the miniature.

Source: Griewank and Walther 2008, *Evaluating Derivatives*, chapter 15; Blondel et al.
2022, "Efficient and Modular Implicit Differentiation" (arXiv 2105.15183), section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]
"""v -> M v for some matrix M."""
Solve = Callable[[Product, np.ndarray], np.ndarray]
"""(A, b) -> the solution v of v = A v + b."""
T = TypeVar("T")


class FixedPoint(NamedTuple):
    """The solution of x = f(x), and how many times f was applied."""

    value: np.ndarray
    iterations: int


def iterate(
    function: Product, start: np.ndarray, tolerance: float = 1e-12, limit: int = 10_000
) -> FixedPoint:
    """The fixed point of a contraction: x <- f(x) until a step is small.

    Args:
        function: f, from arrays to arrays of the same shape.
        start: the first x.
        tolerance: how long the last step may be, for each unit of length of x (of 1 at least).
        limit: the largest number of steps.

    Raises:
        ValueError: x became infinite, or the last of `limit` steps was too long.
    """
    x = np.asarray(start)
    for count in range(1, limit + 1):
        with np.errstate(all="ignore"):
            new = np.asarray(function(x))
            step, length = float(np.linalg.norm(new - x)), float(np.linalg.norm(new))
        if not np.isfinite(length):
            raise ValueError(f"the iteration diverges: step {count} is not finite")
        x = new
        if step <= tolerance * max(1.0, length):
            return FixedPoint(x, count)
    raise ValueError(
        f"no fixed point after {limit} steps, the last of which was {step:.1e} long: "
        "f has to shrink distances, or its equation to be solved in another way"
    )


def iterated(matrix: Product, constant: np.ndarray) -> np.ndarray:
    """The solution of v = A v + b as the series b + A b + A² b + ..., for |A| < 1.

    Where x <- f(x) converges, so does this, as fast.
    """
    return iterate(lambda v: matrix(v) + constant, constant).value


def fixed_point_jvp(along_x: Product, drift: np.ndarray, solve: Solve = iterated) -> np.ndarray:
    """The tangent of a fixed point x = f(x, θ): the solution of ẋ = A ẋ + B θ̇.

    Args:
        along_x: ẋ -> A ẋ, the jvp of f with respect to x at the fixed point.
        drift: B θ̇, the jvp of f with respect to θ there, of the shape of x.
        solve: how the equation is solved: by the series, unless f is no contraction.
    """
    return solve(along_x, drift)


def fixed_point_vjp(
    back_x: Product,
    back_theta: Callable[[np.ndarray], T],
    cotangent: np.ndarray,
    solve: Solve = iterated,
) -> T:
    """The cotangent of θ in a fixed point x = f(x, θ): Bᵀ w, where w = Aᵀ w + x̄.

    Args:
        back_x: w -> Aᵀ w, the vjp of f with respect to x at the fixed point.
        back_theta: w -> Bᵀ w, the vjp of f with respect to θ there; θ may be any pytree.
        cotangent: x̄, of the shape of x.
        solve: as for `fixed_point_jvp`.
    """
    return back_theta(solve(back_x, cotangent))


def linear_solve_jvp(
    solve: Product, along_matrix: Product, solution: np.ndarray, tangent: np.ndarray
) -> np.ndarray:
    """The tangent of x in A x = b: the solution of A ẋ = ḃ - Ȧ x.

    Args:
        solve: b -> A⁻¹ b; a factorisation of A serves for the value and for all derivatives.
        along_matrix: x -> Ȧ x.
        solution: x.
        tangent: ḃ.
    """
    return solve(tangent - along_matrix(solution))


def linear_solve_vjp(
    solve_transposed: Product,
    back_matrix: Callable[[np.ndarray], T],
    cotangent: np.ndarray,
) -> tuple[T, np.ndarray]:
    """The cotangents of A and b in A x = b: Ā = -w xᵀ and b̄ = w, where Aᵀ w = x̄.

    Args:
        solve_transposed: x̄ -> A⁻ᵀ x̄.
        back_matrix: w -> the cotangent of A, or of what it is made of, in A x with cotangent w and
            x held fixed. For a matrix of numbers this is `lambda w: np.outer(w, x)`.
        cotangent: x̄.

    Returns:
        Cotangents of what A is made of, and of b.

    Source: Giles 2008, "Collected Matrix Derivative Results for Forward and Reverse Mode
        Algorithmic Differentiation", for the dense matrix.
    """
    w = solve_transposed(cotangent)
    return back_matrix(-w), w

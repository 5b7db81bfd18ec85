"""Matrices of derivatives: by columns, by rows, sparse ones by colours; Hessians times a vector.

Every function here is of one vector `[n]` and gives one vector `[m]`, or one number for Hessians.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from research.autodiff.arrays import sum
from research.autodiff.forward import jvp
from research.autodiff.operations import Value, as_real
from research.autodiff.reverse import grad, vjp

Function = Callable[[Value], Value]


def _vector(x: Value) -> Value:
    x = as_real(x)
    if np.ndim(x) != 1 or np.size(x) == 0:
        raise ValueError(
            f"a Jacobian here is by one vector, [n], and this has the shape {np.shape(x)}: reshape "
            f"it within the function"
        )
    return x


def jacobian_by_columns(f: Function) -> Callable[[Value], np.ndarray]:
    """The Jacobian `[m, n]` by forward mode: one pass for each of the n inputs.

    Raises:
        ValueError: by the function it gives, where its argument is no vector.
    """

    def evaluate(x: Value) -> np.ndarray:
        x = _vector(x)
        return np.stack([jvp(f, (x,), (unit,))[1] for unit in np.eye(np.size(x))], axis=-1)

    return evaluate


def jacobian_by_rows(f: Function) -> Callable[[Value], np.ndarray]:
    """The Jacobian `[m, n]` by reverse mode: one pass for each of the m outputs.

    Raises:
        ValueError: by the function it gives, where its argument or value is no vector.
    """

    def evaluate(x: Value) -> np.ndarray:
        out, pullback = vjp(f, _vector(x))
        return np.stack([pullback(unit)[0] for unit in np.eye(np.size(_vector(out)))])

    return evaluate


def color_columns(pattern: np.ndarray) -> np.ndarray:
    """A colour for each column, such that no two of one colour have an entry in the same row.

    Columns are taken in turn, those with most entries first, and each is given the first colour
    that fits. The fewest colours are not promised (that is NP-complete), only that there are no
    more than one above the largest number of columns that a column meets.

    Args:
        pattern: bool `[m, n]`, true where an entry may be other than 0.

    Returns:
        int `[n]`, colours from 0 on.

    Raises:
        ValueError: where the pattern is no matrix.

    Source: Curtis, Powell and Reid 1974, On the estimation of sparse Jacobian matrices; as
    colouring: Coleman and Moré 1983.
    """
    pattern = np.asarray(pattern, bool)
    if pattern.ndim != 2:
        raise ValueError(f"a pattern is a matrix, [m, n]; this has the shape {pattern.shape}")
    colors = np.full(pattern.shape[1], -1)
    # Rows in which a colour has an entry already.
    taken: list[np.ndarray] = []
    for column in np.argsort(-pattern.sum(axis=0), kind="stable"):
        rows = pattern[:, column]
        color = next((c for c, known in enumerate(taken) if not (known & rows).any()), len(taken))
        if color == len(taken):
            taken.append(np.zeros(pattern.shape[0], bool))
        taken[color] |= rows
        colors[column] = color
    return colors


def sparse_jacobian(f: Function, pattern: np.ndarray) -> Callable[[Value], np.ndarray]:
    """The Jacobian by one pass of forward mode for each colour, instead of each column.

    The columns of a colour are summed by one pass; each row of the sum has one entry at most.

    Args:
        f: the function.
        pattern: bool `[m, n]`, true wherever the Jacobian may be other than 0 at any point.
            Entries outside are not noticed, and fall upon others.

    Returns:
        A function from `[n]` to an array `[m, n]`.

    Raises:
        ValueError: by the function it gives, where the pattern has not the Jacobian's shape.

    Source: Curtis, Powell and Reid 1974.
    """
    pattern = np.asarray(pattern, bool)
    colors = color_columns(pattern)

    def evaluate(x: Value) -> np.ndarray:
        x = _vector(x)
        whole = np.zeros(pattern.shape)
        for color in range(colors.max() + 1):
            chosen = colors == color
            if np.size(x) != pattern.shape[1]:
                raise ValueError(_other_shape(pattern, "columns", np.size(x)))
            column = jvp(f, (x,), (chosen.astype(float),))[1]
            if np.shape(column) != pattern.shape[:1]:
                raise ValueError(_other_shape(pattern, "rows", np.size(column)))
            rows, columns = np.nonzero(pattern & chosen)
            whole[rows, columns] = column[rows]
        return whole

    return evaluate


def _other_shape(pattern: np.ndarray, what: str, found: int) -> str:
    return f"the pattern is {pattern.shape}, and the Jacobian has {found} {what}"


def hessian(f: Function) -> Callable[[Value], np.ndarray]:
    """All second derivatives `[n, n]` of a function that gives one number: n products, below."""
    return jacobian_by_columns(grad(f))


def forward_over_reverse(f: Function, x: Value, v: Value) -> Value:
    """H v as the derivative of the gradient along v: the cheapest, and the one to use.

    Args:
        f: gives one number.
        x: where.
        v: of the shape of `x`.

    Source: Pearlmutter 1994, Fast exact multiplication by the Hessian.
    """
    return jvp(grad(f), (x,), (v,))[1]


def reverse_over_reverse(f: Function, x: Value, v: Value) -> Value:
    """H v as the gradient of (gradient · v); arguments as above."""
    return grad(lambda x: sum(grad(f)(x) * v))(x)


def reverse_over_forward(f: Function, x: Value, v: Value) -> Value:
    """H v as the gradient of the derivative along v; arguments as above."""
    return grad(lambda x: jvp(f, (x,), (v,))[1])(x)


def differences_of_gradients(f: Function, x: Value, v: Value, step: float = 6e-6) -> Value:
    """H v by a central difference of gradients along v; arguments as above.

    Args:
        f: gives one number.
        x: where.
        v: of the shape of `x`.
        step: the cube root of float64's precision is best for functions of about one's size.

    Raises:
        ValueError: for a step of 0.
    """
    if step == 0:
        raise ValueError("a difference needs a step other than 0")
    x, v = as_real(x), as_real(v)
    return (grad(f)(x + step * v) - grad(f)(x - step * v)) / (2 * step)

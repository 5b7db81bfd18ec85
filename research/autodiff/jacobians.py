"""Matrices of derivatives: by columns and by rows; Hessians times a vector.

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


def as_vector(x: Value) -> Value:
    """The value as a vector of floats.

    Raises:
        ValueError: where it is none, or has no entries.
    """
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
        x = as_vector(x)
        return np.stack([jvp(f, (x,), (unit,))[1] for unit in np.eye(np.size(x))], axis=-1)

    return evaluate


def jacobian_by_rows(f: Function) -> Callable[[Value], np.ndarray]:
    """The Jacobian `[m, n]` by reverse mode: one pass for each of the m outputs.

    Raises:
        ValueError: by the function it gives, where its argument or value is no vector.
    """

    def evaluate(x: Value) -> np.ndarray:
        out, pullback = vjp(f, as_vector(x))
        return np.stack([pullback(unit)[0] for unit in np.eye(np.size(as_vector(out)))])

    return evaluate


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

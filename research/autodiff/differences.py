"""Derivatives by finite differences: forward, central, extrapolated, and by a complex step.

The step h is a bargain. A longer one leaves out more of the Taylor series, an error of h^p (p = 1
forward, 2 central, 4 extrapolated); a shorter one loses more digits when nearly equal values are
subtracted, an error of eps / h. A complex step subtracts nothing: it may be as short as one likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from research.options.convert import did_you_mean

Array = NDArray[Any]
Function = Callable[[Array], ArrayLike]
Along = Callable[[complex], Array]
"""The function along one input: of how far that one is moved, all others where they are."""
Method = Literal["forward", "central", "richardson", "complex"]


def _forward(f: Along, h: float) -> Array:
    return (f(h) - f(0)) / h


def _central(f: Along, h: float) -> Array:
    return (f(h) - f(-h)) / (2 * h)


def _richardson(f: Along, h: float) -> Array:
    """Two central differences, combined so that their errors of h² are gone."""
    return (4 * _central(f, h / 2) - _central(f, h)) / 3


def _complex(f: Along, h: float) -> Array:
    return f(1j * h).imag / h


_DIFFERENCES: Mapping[str, Callable[[Along, float], Array]] = {
    "forward": _forward,
    "central": _central,
    "richardson": _richardson,
    "complex": _complex,
}
_TRUNCATION: Mapping[str, int] = {"forward": 1, "central": 2, "richardson": 4}


def best_step(dtype: DTypeLike, method: Method, order: int = 1) -> float:
    """The step at which a difference of numbers near 1 has its smallest error.

    h^p of the series is left out and eps / h^order lost to rounding: their sum is smallest, but for
    a factor near 1, at eps^(1 / (p + order)). So sqrt(eps) forward, cbrt(eps) central, and
    eps^(1/4) for a central second derivative. A complex step loses nothing and is best very short:
    the cube root of the smallest normal number, of which products are still no zeros. Its second
    derivative is a central difference of first ones.

    Args:
        dtype: of the inputs and of what the function computes with; floating.
        method: forward, central, richardson or complex.
        order: 1 for first derivatives, 2 for those of `hessian`.

    Source: Press et al. 2007, *Numerical Recipes*, 3rd edition, section 5.7, eq. 5.7.5 to 5.7.8;
        Squire and Trapp 1998, "Using complex variables to estimate derivatives", for the last.
    """
    limits = np.finfo(dtype)
    if _known(method) == "complex":
        return float(limits.tiny) ** (1 / 3) if order == 1 else best_step(dtype, "central")
    return float(limits.eps) ** (1 / (_TRUNCATION[method] + order))


def expected_error(dtype: DTypeLike, method: Method, order: int = 1) -> float:
    """About how wrong a derivative is at the best step, beside values near 1: h^p."""
    if method == "complex":
        return float(np.finfo(dtype).eps) if order == 1 else expected_error(dtype, "central")
    return best_step(dtype, method, order) ** _TRUNCATION[method]


def jacobian(
    f: Function, x: ArrayLike, method: Method = "central", step: float | None = None
) -> Array:
    """All derivatives of an array with respect to another, column by column.

    Calls the function n + 1 times forward, 2 n central, 4 n by Richardson's extrapolation, and n by
    a complex step, for n inputs.

    Args:
        f: pure, from an array like `x` to one, or to a number. For a complex step it has to be
            analytic: of + - * /, powers, exp, sin and the like, without abs, conjugates or norms.
        x: real `[...]`; integers count as float64.
        method: forward, central, richardson or complex.
        step: positive, for all inputs; by default `best_step`, but for a complex one times
            max(1, |x|) for each input, rounded to a power of two.

    Returns:
        `[shape of f(x), shape of x]`.

    Raises:
        ValueError: the step is not positive or is lost beside x; the function computes with fewer
            digits than x has, or loses the imaginary part.

    Source: Press et al. 2007, section 5.7; Squire and Trapp 1998, eq. 1.
    """
    x = _real(x)
    return _differences(f, x, method, _steps(x, method, 1, step))


def gradient(
    f: Function, x: ArrayLike, method: Method = "central", step: float | None = None
) -> Array:
    """The derivatives of a scalar with respect to an array, in its shape; see `jacobian`.

    Of a function of one number, whose `x` has the shape (), it is the derivative.
    """
    x = _real(x)
    return _of_scalar(jacobian(f, x, method, step), x)


def hessian(
    f: Function, x: ArrayLike, method: Method = "central", step: float | None = None
) -> Array:
    """The second derivatives of a scalar: differences of the gradient, by the same method.

    A complex step's gradient is differenced centrally: the imaginary part is taken.

    Args:
        f: as in `jacobian`, with a scalar result.
        x: real `[...]`.
        method: forward, central, richardson or complex.
        step: as in `jacobian`, by default the best one for second derivatives.

    Returns:
        `[shape of x, shape of x]`, symmetric but for rounding.

    Raises:
        ValueError: as `jacobian` and `gradient` do.
    """
    x = _real(x)
    steps = _steps(x, method, 2, step)
    inner = _steps(x, method, 1, None) if method == "complex" else steps
    outer: Method = "central" if method == "complex" else method

    def first(x: Array) -> Array:
        return _of_scalar(_differences(f, x, method, inner), x)

    return _differences(first, x, outer, steps)


def _differences(f: Function, x: Array, method: Method, steps: Array) -> Array:
    value = cache(lambda: _result(f(x), x))
    columns = []
    for index in np.ndindex(x.shape):

        def along(distance: complex, index: tuple[int, ...] = index) -> Array:
            if distance == 0:
                return value()
            moved = x.astype(np.result_type(x, np.complex64)) if method == "complex" else x.copy()
            moved[index] += distance
            return _result(f(moved), moved)

        columns.append(_DIFFERENCES[method](along, float(steps[index])))
    found = np.stack(columns, axis=-1)
    return found.reshape((*found.shape[:-1], *x.shape))


def _of_scalar(derivatives: Array, x: Array) -> Array:
    if derivatives.shape != x.shape:
        shape = derivatives.shape[: derivatives.ndim - x.ndim]
        raise ValueError(
            f"the function has to return a number, not an array of shape {shape}; take jacobian"
        )
    return derivatives


def _real(x: ArrayLike) -> Array:
    x = np.asarray(x)
    if np.issubdtype(x.dtype, np.integer):
        x = x.astype(float)
    if not np.issubdtype(x.dtype, np.floating) or not x.size:
        raise ValueError(f"x has to be real numbers, at least one; it is {x.dtype} {x.shape}")
    return x


def _steps(x: Array, method: Method, order: int, step: float | None) -> Array:
    """A step for each input."""
    alone = method == "complex" and order == 1  # nothing is added to x, nor is anything lost in it
    if step is None and alone:
        step = best_step(x.dtype, method)
    if step is None:
        wanted = best_step(x.dtype, method, order) * np.maximum(1, np.abs(x, dtype=float))
        # x + h is then exact, and what is divided by is how far x was moved (Press et al., 5.7.4).
        steps = 2.0 ** np.round(np.log2(wanted))
    elif not 0 < step < np.inf:
        raise ValueError(f"a step has to be positive and finite; it is {step}")
    else:
        steps = np.full(x.shape, step)
    if alone:
        return steps
    shortest = steps / 2 if _known(method) == "richardson" else steps
    lost = x + shortest.astype(x.dtype) == x
    if lost.any():
        raise ValueError(
            f"a step of {steps[lost][0]:.3g} is lost in {x.dtype} beside {x[lost][0]:.6g}: "
            f"take a longer one{' or float64' if x.dtype != float else ''}"
        )
    return steps


def _result(result: ArrayLike, x: Array) -> Array:
    """What the function has returned, if the digits and the imaginary part of x are in it."""
    result = np.asarray(result)
    if np.iscomplexobj(x) and not np.iscomplexobj(result):
        raise ValueError(
            "the function loses the imaginary part, which a complex step looks at: it is not "
            "analytic (abs, max, a conversion to real numbers); take central differences"
        )
    inexact = np.issubdtype(result.dtype, np.inexact)
    if inexact and np.finfo(result.dtype).eps > np.finfo(x.dtype).eps:
        raise ValueError(
            f"the function answers {x.dtype} with {result.dtype}, whose few digits such short "
            f"steps do not change: have it compute in {x.dtype}, or give it {result.dtype}"
        )
    return result


def _known(method: str) -> str:
    if method not in _DIFFERENCES:
        near = did_you_mean(method, _DIFFERENCES) or f"; there are {', '.join(_DIFFERENCES)}"
        raise ValueError(f"there is no method {method}{near}")
    return method

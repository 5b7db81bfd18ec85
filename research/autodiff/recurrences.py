"""The coefficients of a function of a power series, one from those before it.

Each function v of a series u obeys a differential equation, whose k-th coefficients on both sides
give v_k.

Source: Griewank and Walther 2008, Evaluating Derivatives, section 13.2, tables 13.1 and 13.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add

import numpy as np

from research.autodiff import elementwise as each
from research.autodiff.elementwise import cos, divide, exp, log, power, sin, sqrt, tanh
from research.autodiff.operations import Operation, Value, strip

Coefficients = Sequence[Value]


def _convolve(u: Coefficients, w: Coefficients, k: int) -> Value:
    """Σ j u_j w_{k-j} over j from 1 to k, divided by k: what u' w is to the k-th coefficient."""
    return reduce(add, (j * u[j] * w[k - j] for j in range(1, k + 1))) / k


def divide_series(u: Coefficients, w: Coefficients) -> list[Value]:
    """The quotient v of u and w: from v w = u."""
    v = [divide(u[0], w[0])]
    for k in range(1, len(u)):
        known = reduce(add, (v[j] * w[k - j] for j in range(k)))
        v.append(divide(u[k] - known, w[0]))
    return v


def _product(u: Coefficients, w: Coefficients) -> list[Value]:
    return [reduce(add, (u[j] * w[k - j] for j in range(k + 1))) for k in range(len(u))]


def power_series(u: Coefficients, r: Value) -> list[Value]:
    """The power v of u to a constant r: from u v' = r v u'.

    Whole powers are products, which need no division by u_0: it may be 0.
    """
    if isinstance(r, (int, float)) and r >= 0 and float(r).is_integer():
        if r == 0:
            return [0.0 * u[0] + 1.0] + [0.0 * u[0]] * (len(u) - 1)
        half = power_series(_product(u, u), r // 2)
        return _product(half, u) if r % 2 else half
    v = [power(u[0], r)]
    for k in range(1, len(u)):
        v.append(_next_quotient(u, v, r * _convolve(u, v, k)))
    return v


def _exp(u: Coefficients) -> list[Value]:
    """From v' = v u'."""
    v = [exp(u[0])]
    for k in range(1, len(u)):
        v.append(_convolve(u, v, k))
    return v


def _log(u: Coefficients) -> list[Value]:
    """From u v' = u'."""
    v = [log(u[0])]
    for k in range(1, len(u)):
        v.append(_next_quotient(u, v, u[k]))
    return v


def _next_quotient(u: Coefficients, v: list[Value], known: Value) -> Value:
    """The next coefficient of v from u v' = w', of which `known` is the same coefficient of w."""
    k = len(v)
    for j in range(1, k):
        known = known - j * v[j] * u[k - j] / k
    return divide(known, u[0])


def _sqrt(u: Coefficients) -> list[Value]:
    """From v v = u."""
    v = [sqrt(u[0])]
    for k in range(1, len(u)):
        known = u[k]
        for j in range(1, k):
            known = known - v[j] * v[k - j]
        v.append(known * divide(0.5, v[0]))
    return v


def _sin_and_cos(u: Coefficients) -> tuple[list[Value], list[Value]]:
    """From s' = c u' and c' = -s u': neither can be had alone."""
    s, c = [sin(u[0])], [cos(u[0])]
    for k in range(1, len(u)):
        s.append(_convolve(u, c, k))
        c.append(-_convolve(u, s, k))
    return s, c


def _tanh(u: Coefficients) -> list[Value]:
    """From v' = w u', where w = 1 - v v."""
    v = [tanh(u[0])]
    w = [1 - v[0] * v[0]]
    for k in range(1, len(u)):
        v.append(_convolve(u, w, k))
        w.append(-reduce(add, (v[j] * v[k - j] for j in range(k + 1))))
    return v


RECURRENCES: dict[Operation, Callable[[Coefficients], list[Value]]] = {
    each.EXP: _exp,
    each.LOG: _log,
    each.SQRT: _sqrt,
    each.SIN: lambda u: _sin_and_cos(u)[0],
    each.COS: lambda u: _sin_and_cos(u)[1],
    each.TANH: _tanh,
    each.ABS: lambda u: [each.abs(u[0]), *(np.sign(strip(u[0])) * x for x in u[1:])],
}

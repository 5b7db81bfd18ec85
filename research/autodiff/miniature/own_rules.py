"""Functions that say their own derivative, because the rules of their parts fail somewhere.

Where a formula overflows, or divides 0 by 0, it gives inf or nan though the function is smooth
there; and a formula with a right value can still have derivatives that are nan. A rule of the
whole function, from the mathematics, has neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from research.autodiff.miniature.arithmetic import (
    add,
    div,
    exp,
    greater,
    log1p,
    matmul,
    maximum,
    mul,
    neg,
    sqrt,
    sub,
    where,
)
from research.autodiff.miniature.axes import spread
from research.autodiff.miniature.batching import custom_jvp
from research.autodiff.miniature.program import Primitive, Value
from research.autodiff.miniature.tracing import as_value, bind


def _softplus(x: Value) -> Value:
    return add(maximum(x, 0.0), log1p(exp(neg(maximum(x, neg(x))))))


def _sigmoid(x: Value) -> Value:
    """1 / (1 + e^-x), of which no power is of a positive number: that could overflow."""
    power = exp(neg(maximum(x, neg(x))))
    return div(where(greater(x, 0.0), 1.0, power), add(1.0, power))


sigmoid = custom_jvp(
    _sigmoid, lambda y, inputs, slopes: mul(mul(y, sub(1.0, y)), slopes[0]), "sigmoid"
)
"""1 / (1 + e^-x), elementwise; its slope is y (1 - y)."""

softplus = custom_jvp(
    _softplus, lambda y, inputs, slopes: mul(sigmoid(inputs[0]), slopes[0]), "softplus"
)
"""log(1 + e^x), elementwise. By its parts, e^x overflows and the slope is inf / inf; it is the
sigmoid."""


def _norm_rule(y: Value, inputs: Sequence[Value], slopes: Sequence[Value]) -> Value:
    # At 0 no division by 0 may be met, even one that `where` does not choose: its own derivative
    # would be 0 times inf.
    length = where(greater(y, 0.0), y, 1.0)
    return div(matmul(inputs[0], slopes[0]), length)


norm = custom_jvp(lambda x: sqrt(matmul(x, x)), _norm_rule, "norm")
"""The length of a vector `[n]`. By its parts, the root's slope at 0 is inf, times 0; here the
gradient is x / |x|, and at 0 it is 0, the smallest of the subgradients there."""


def sinc(x: Any) -> Value:
    """Sin(x) / x, elementwise, and 1 at 0, where the formula is 0 / 0."""
    return bind(_SINC, as_value(x), order=0)


def _evaluate_sinc(x: np.ndarray, order: int) -> np.ndarray:
    """The derivative of any order.

    Far from 0 by x s⁽ⁿ⁾ + n s⁽ⁿ⁻¹⁾ = sin⁽ⁿ⁾(x), which is the product rule for x s = sin; near it
    that loses digits, and the power series is used.
    """
    x = np.asarray(x)
    near = np.abs(x) < order + 1
    small, large = np.where(near, x, 0), np.where(near, order + 1, x)
    series, terms = np.zeros_like(x), range((order + 1) // 2, order + 20)
    for k in terms:
        power = 2 * k - order
        factor = (-1) ** k / (math.factorial(power) * (2 * k + 1))
        series = series + factor * small**power
    found = np.sin(large) / large
    for n in range(1, order + 1):
        found = (np.sin(large + n * math.pi / 2) - n * found) / large
    return np.where(near, series, found).astype(x.dtype)


_SINC: Primitive = Primitive(
    "sinc",
    _evaluate_sinc,
    lambda x, order: x,
    # The derivative of one order is the next: right at 0 for all.
    lambda y, inputs, slopes, order: mul(bind(_SINC, *inputs, order=order + 1), slopes[0]),
    lambda size, inputs, batched, order: bind(_SINC, *spread(size, inputs, batched), order=order),
)

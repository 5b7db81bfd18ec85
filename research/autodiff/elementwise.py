"""Operations on each entry, with their derivatives.

Where a function has a kink or a pole, every mode gives the same derivative:

- |x| at 0: 0, the mean of both sides. (JAX 0.10 gives 1.)
- `maximum` of equal values: one half for each, as JAX gives.
- The square root at 0: infinity, and so not a number after a factor of 0, as in sqrt(x * x).
- x ** y by x is 0 wherever y is 0, x = 0 included (JAX: only if y is an int); 0 ** y by y is 0.
- `where` passes nothing to the side that was not chosen. In reverse mode a pole on that side is
  felt all the same, as in JAX: nothing times infinity is not a number. So choose the argument, too:
  where(x > 0, sqrt(where(x > 0, x, 1.0)), 0.0).

Python's floats are calculated with as arrays are: infinities instead of exceptions.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from research.autodiff.operations import Value, apply, elementwise, strip


# What these two are given may be traced: then Python's operator sees to it.
def _divide(x: Value, y: Value) -> Value:
    try:
        return x / y
    except ZeroDivisionError:
        return np.divide(np.float64(x), y)


def _power(x: Value, y: Value) -> Value:
    try:
        z = x**y
    except (ZeroDivisionError, OverflowError):
        return np.power(np.float64(x), y)
    return math.nan if type(z) is complex else z


def _exp(x: Any) -> Any:
    # For a Python float, the standard library takes a tenth of NumPy's time.
    if type(x) is float:
        try:
            return math.exp(x)
        except OverflowError:
            pass
    return np.exp(x)


def _log(x: Any) -> Any:
    return math.log(x) if type(x) is float and x > 0 else np.log(x)


def _sqrt(x: Any) -> Any:
    return math.sqrt(x) if type(x) is float and x >= 0 else np.sqrt(x)


def _sin(x: Any) -> Any:
    return math.sin(x) if type(x) is float and math.isfinite(x) else np.sin(x)


def _cos(x: Any) -> Any:
    return math.cos(x) if type(x) is float and math.isfinite(x) else np.cos(x)


def _tanh(x: Any) -> Any:
    return math.tanh(x) if type(x) is float else np.tanh(x)


def _maximum(x: Any, y: Any) -> Any:
    if isinstance(x, (int, float)) and isinstance(y, (int, float)) and not math.isnan(y):
        return float(y if y > x else x)
    return np.maximum(x, y)


def _where(condition: Any, x: Any, y: Any) -> Any:
    if all(isinstance(part, (int, float, np.bool_)) for part in (condition, x, y)):
        return x if condition else y
    return np.where(condition, x, y)


def _share(x: Value, y: Value) -> Any:
    """What the larger of two gets of the derivative of their maximum: at a tie, half."""
    x, y = strip(x), strip(y)
    share = (x > y) + 0.5 * (x == y)
    return share.astype(np.result_type(x, y)) if isinstance(share, np.ndarray) else share


def _power_of_base(t: Value, _: Value, x: Value, y: Value) -> Value:
    # Of x ** 0 it is 0 at x = 0, too, where y * x ** (y - 1) would be 0 times infinity.
    less = y - 1 if isinstance(y, (int, float)) and y else where(strip(y) == 0, 1.0, y - 1)
    return t * (y * _power(x, less))


def _power_of_exponent(t: Value, out: Value, x: Value, y: Value) -> Value:
    return t * (log(where(strip(x) == 0, 1.0, x)) * out)


ADD = elementwise("add", operator.add, lambda t, _, x, y: t, lambda t, _, x, y: t, linear=True)
SUBTRACT = elementwise(
    "subtract", operator.sub, lambda t, _, x, y: t, lambda t, _, x, y: -t, linear=True
)
MULTIPLY = elementwise(
    "multiply", operator.mul, lambda t, _, x, y: t * y, lambda t, _, x, y: t * x, multilinear=True
)
DIVIDE = elementwise(
    "divide",
    _divide,
    lambda t, _, x, y: _divide(t, y),
    lambda t, out, x, y: _divide(-t * out, y),
)
NEGATIVE = elementwise("negative", operator.neg, lambda t, *_: -t, linear=True)
POWER = elementwise("power", _power, _power_of_base, _power_of_exponent)
EXP = elementwise("exp", _exp, lambda t, out, x: t * out)
LOG = elementwise("log", _log, lambda t, _, x: _divide(t, x))
SQRT = elementwise("sqrt", _sqrt, lambda t, out, x: t * _divide(0.5, out))
SIN = elementwise("sin", _sin, lambda t, _, x: t * cos(x))
COS = elementwise("cos", _cos, lambda t, _, x: t * -sin(x))
TANH = elementwise("tanh", _tanh, lambda t, out, x: t * (1 - out * out))
ABS = elementwise("abs", operator.abs, lambda t, _, x: t * np.sign(strip(x)))
MAXIMUM = elementwise(
    "maximum",
    _maximum,
    lambda t, _, x, y: t * _share(x, y),
    lambda t, _, x, y: t * _share(y, x),
)
WHERE = elementwise(
    "where",
    _where,
    None,
    lambda t, _, condition, x, y: where(condition, t, 0.0),
    lambda t, _, condition, x, y: where(condition, 0.0, t),
    linear=True,
)


def divide(x: Value, y: Value) -> Value:
    """The quotient; infinite or not a number where y is 0, for Python's floats, too."""
    return apply(DIVIDE, x, y)


def power(x: Value, y: Value) -> Value:
    """A base to an exponent; not a number where that is complex, for Python's floats, too."""
    return apply(POWER, x, y)


def exp(x: Value) -> Value:
    """The exponential function of each entry."""
    return apply(EXP, x)


def log(x: Value) -> Value:
    """The natural logarithm of each entry."""
    return apply(LOG, x)


def sqrt(x: Value) -> Value:
    """The square root of each entry; its derivative at 0 is infinite."""
    return apply(SQRT, x)


def sin(x: Value) -> Value:
    """The sine of each entry, in radians."""
    return apply(SIN, x)


def cos(x: Value) -> Value:
    """The cosine of each entry, in radians."""
    return apply(COS, x)


def tanh(x: Value) -> Value:
    """The hyperbolic tangent of each entry."""
    return apply(TANH, x)


def abs(x: Value) -> Value:
    """The size of each entry; its derivative at 0 is 0."""
    return apply(ABS, x)


def maximum(x: Value, y: Value) -> Value:
    """The larger of two entries; where they are equal, each has half of the derivative."""
    return apply(MAXIMUM, x, y)


def where(condition: Value, x: Value, y: Value) -> Value:
    """Entries of `x` where the condition holds, of `y` elsewhere."""
    return apply(WHERE, strip(condition), x, y)

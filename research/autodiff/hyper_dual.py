"""Exact second derivatives by hyper-dual numbers: a + bε₁ + cε₂ + dε₁ε₂ with ε₁² = ε₂² = 0.

No difference is taken, so no step is to be chosen: each derivative is exact to rounding.

Source: Fike and Alonso 2011, The development of hyper-dual numbers for exact second-derivative
calculations (AIAA 2011-886).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

import numpy as np

from research.autodiff import elementwise as each
from research.autodiff.boxes import Box
from research.autodiff.elementwise import cos, divide, exp, log, power, sin, sqrt, tanh, where
from research.autodiff.operations import (
    Operation,
    Value,
    apply,
    as_constant,
    as_real,
    new_level,
    strip,
    zeros_like,
)


class HyperDual(Box):
    """primal + first ε₁ + second ε₂ + both ε₁ε₂, each of one shape."""

    __slots__ = ("both", "first", "level", "primal", "second")

    def __init__(self, level: int, primal: Value, first: Value, second: Value, both: Value) -> None:
        self.level, self.primal = level, primal
        self.first, self.second, self.both = first, second, both

    def __repr__(self) -> str:
        return f"{self.primal!r} + {self.first!r}ε₁ + {self.second!r}ε₂ + {self.both!r}ε₁ε₂"

    def parts(self) -> tuple[Value, Value, Value, Value]:
        """All four."""
        return self.primal, self.first, self.second, self.both

    def run(self, operation: Operation, args: tuple[Value, ...]) -> Value:
        """By what the operation is: linear, a product, or a function with two derivatives."""
        if operation.linear:
            lifted = [self._lift(arg, operation.differentiable(k)) for k, arg in enumerate(args)]
            return self._with(*(apply(operation, *parts) for parts in zip(*lifted, strict=True)))
        if operation.multilinear:
            return self._product(operation, args)
        x, y = (*args, None)[:2]
        if operation is each.DIVIDE:
            return x * (power(y, -1) if self.holds(y) else divide(1.0, y))
        if operation is each.POWER and self.holds(y):
            return exp(y * log(x))
        if operation is each.MAXIMUM:
            return where(x == y, 0.5 * (x + y), where(x > y, x, y))
        if operation not in DERIVATIVES:
            raise ValueError(
                f"hyper-dual numbers know no second derivative of `{operation.name}`: "
                f"nest `jvp` or `grad` instead"
            )
        value, slope, curvature = DERIVATIVES[operation](self.primal, *args[1:])
        return self._with(
            value,
            slope * self.first,
            slope * self.second,
            slope * self.both + curvature * self.first * self.second,
        )

    def _with(self, *parts: Value) -> HyperDual:
        return HyperDual(self.level, *parts)

    def _lift(self, x: Value, differentiable: bool) -> tuple[Value, Value, Value, Value]:
        """The parts of an operand: of a constant, zeros; an axis or a condition stays itself."""
        if self.holds(x):
            return x.parts()
        rest = zeros_like(x) if differentiable else x
        return x, rest, rest, rest

    def _product(self, operation: Operation, args: tuple[Value, ...]) -> HyperDual:
        """Every way to share ε₁ and ε₂ among the factors."""
        places = [k for k, arg in enumerate(args) if self.holds(arg)]

        def term(part_of: dict[int, int]) -> Value:
            parts = (a.parts()[part_of.get(k, 0)] if k in places else a for k, a in enumerate(args))
            return apply(operation, *parts)

        shared = [term({k: 3}) for k in places]
        shared += [term({k: 1, j: 2}) for k in places for j in places if j != k]
        first, second = ([term({k: i}) for k in places] for i in (1, 2))
        return self._with(term({}), *(reduce(add, terms) for terms in (first, second, shared)))


def _of_exp(x: Value) -> tuple[Value, Value, Value]:
    e = exp(x)
    return e, e, e


def _of_log(x: Value) -> tuple[Value, Value, Value]:
    slope = divide(1.0, x)
    return log(x), slope, -slope * slope


def _of_sqrt(x: Value) -> tuple[Value, Value, Value]:
    root = sqrt(x)
    slope = divide(0.5, root)
    return root, slope, divide(-0.5 * slope, x)


def _of_sin(x: Value) -> tuple[Value, Value, Value]:
    s = sin(x)
    return s, cos(x), -s


def _of_cos(x: Value) -> tuple[Value, Value, Value]:
    c = cos(x)
    return c, -sin(x), -c


def _of_tanh(x: Value) -> tuple[Value, Value, Value]:
    t = tanh(x)
    slope = 1 - t * t
    return t, slope, -2 * t * slope


def _of_abs(x: Value) -> tuple[Value, Value, Value]:
    sign = np.sign(strip(x))
    return each.abs(x), sign, 0.0 * sign


def _of_power(x: Value, y: Value) -> tuple[Value, Value, Value]:
    def term(factor: Value, less: int) -> Value:
        # A factor of 0 is stronger than the pole of x ** (y - less) at 0.
        none = strip(factor) == 0
        return factor * power(x, where(none, 1.0, y - less))

    return power(x, y), term(y, 1), term(y * (y - 1), 2)


# f, f' and f'' of each function that is neither linear nor a product.
DERIVATIVES: dict[Operation, Callable[..., tuple[Value, Value, Value]]] = {
    each.EXP: _of_exp,
    each.LOG: _of_log,
    each.SQRT: _of_sqrt,
    each.SIN: _of_sin,
    each.COS: _of_cos,
    each.TANH: _of_tanh,
    each.ABS: _of_abs,
    each.POWER: _of_power,
}


def second_derivatives(
    f: Callable[[Value], Value], x: Value, u: Value, v: Value
) -> tuple[Value, Value, Value, Value]:
    """f, its derivatives in two directions, and its second derivative in both: uᵀ H v.

    Args:
        f: of one number or array; gives one number or array.
        x: where.
        u: one direction, of the shape of `x`.
        v: the other.

    Returns:
        f(x), ∂f·u, ∂f·v, uᵀ H v: the four parts of f(x + uε₁ + vε₂).
    """
    x = as_real(x)
    u, v = as_constant(u, "tangent", x), as_constant(v, "tangent", x)
    level = new_level()
    with np.errstate(divide="ignore", invalid="ignore"):
        out = f(HyperDual(level, x, u, v, zeros_like(x)))
    if isinstance(out, HyperDual) and out.level == level:
        return out.parts()
    out = as_real(out)
    return out, zeros_like(out), zeros_like(out), zeros_like(out)


def hessian(f: Callable[[Value], Value]) -> Callable[[Value], np.ndarray]:
    """The function that gives all second derivatives of `f`, by n (n + 1) / 2 evaluations.

    Args:
        f: of one vector of n numbers; gives one number.

    Returns:
        A function of a vector `[n]` that gives an array `[n, n]`.
    """

    def evaluate(x: Value) -> np.ndarray:
        x = np.asarray(as_real(x))
        whole, units = np.zeros((x.size, x.size)), np.eye(x.size)
        for i in range(x.size):
            for j in range(i + 1):
                whole[i, j] = whole[j, i] = second_derivatives(f, x, units[i], units[j])[3]
        return whole

    return evaluate

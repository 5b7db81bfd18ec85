"""Taylor mode: power series, cut off at some order, carried through a program.

The coefficients of f(x₀ + x₁ t + x₂ t² + ...) come from `recurrences`. So d derivatives cost d²
times the function, where d nested derivatives cost 2^d times.

Source: Griewank and Walther 2008, Evaluating Derivatives, section 13.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import add

import numpy as np

from research.autodiff import elementwise as each
from research.autodiff.boxes import Box
from research.autodiff.elementwise import exp, log, where
from research.autodiff.operations import (
    Operation,
    Value,
    apply,
    as_constant,
    as_real,
    new_level,
    zeros_like,
)
from research.autodiff.recurrences import RECURRENCES, Coefficients, divide_series, power_series


class Series(Box):
    """A power series, x₀ + x₁ t + x₂ t² + ..., of some order.

    Attributes:
        level: of its t.
        coefficients: x₀, x₁, ..., each of one shape.
    """

    __slots__ = ("coefficients", "level")

    def __init__(self, level: int, coefficients: Coefficients) -> None:
        self.level, self.coefficients = level, coefficients

    def __repr__(self) -> str:
        return f"Series({list(self.coefficients)!r})"

    @property
    def primal(self) -> Value:
        """The first coefficient, x₀."""
        return self.coefficients[0]

    def run(self, operation: Operation, args: tuple[Value, ...]) -> Series:
        """By what the operation is: linear, a product, or a function with a recurrence."""
        made: list[Value]
        if operation.linear:
            lifted = [self._lift(arg, operation.differentiable(k)) for k, arg in enumerate(args)]
            made = [apply(operation, *parts) for parts in zip(*lifted, strict=True)]
        elif operation.multilinear:
            made = self._product(operation, args)
        elif operation is each.MAXIMUM:
            x, y = args
            return where(x == y, 0.5 * (x + y), where(x > y, x, y))
        elif operation is each.POWER and self.holds(args[1]):
            return exp(args[1] * log(args[0]))
        elif operation is each.POWER:
            made = power_series(self.coefficients, args[1])
        elif operation is each.DIVIDE:
            made = divide_series(*(self._lift(arg, True) for arg in args))
        elif operation not in RECURRENCES:
            raise ValueError(
                f"series have no recurrence for `{operation.name}`: nest `jvp` or `grad` instead"
            )
        else:
            made = RECURRENCES[operation](self.coefficients)
        return Series(self.level, made)

    def _lift(self, x: Value, differentiable: bool) -> Coefficients:
        """The coefficients of an operand: of a constant, zeros; an axis stays itself."""
        if self.holds(x):
            return x.coefficients
        rest = zeros_like(x) if differentiable else x
        return [x] + [rest] * (len(self.coefficients) - 1)

    def _product(self, operation: Operation, args: tuple[Value, ...]) -> list[Value]:
        """Σ u_j w_{k-j} where two factors are series; coefficient by coefficient where one is."""
        places = [k for k, arg in enumerate(args) if self.holds(arg)]

        def term(*orders: int) -> Value:
            given = dict(zip(places, orders, strict=True))
            return apply(
                operation,
                *(a.coefficients[given[k]] if k in given else a for k, a in enumerate(args)),
            )

        orders = range(len(self.coefficients))
        if len(places) == 1:
            return [term(k) for k in orders]
        return [reduce(add, (term(j, k - j) for j in range(k + 1))) for k in orders]


def expand(f: Callable[..., Value], *curves: Coefficients) -> list[Value]:
    """The coefficients of f along curves: of f(x(t), y(t), ...) as a power series in t.

    Args:
        f: of as many numbers or arrays as there are curves; gives one number or array.
        *curves: for each argument x₀, x₁, ...: the coefficients, not the derivatives, which are k!
            times as large; all as many.

    Returns:
        As many coefficients of f.

    Raises:
        ValueError: where curves have no coefficients, not as many, or not of one shape.
    """
    if len({len(curve) for curve in curves}) != 1 or not curves[0]:
        raise ValueError(
            f"every curve has as many coefficients, at least one; these have "
            f"{[len(curve) for curve in curves]}"
        )
    level = new_level()
    series = [
        Series(level, [as_real(x), *(as_constant(c, "tangent", x) for c in more)])
        for x, *more in curves
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        out = f(*series)
    if isinstance(out, Series) and out.level == level:
        return list(out.coefficients)
    out = as_real(out)
    return [out] + [zeros_like(out)] * (len(curves[0]) - 1)


def derivatives(f: Callable[[Value], Value], order: int) -> Callable[[Value], list[Value]]:
    """The function that gives f(x), f'(x), ..., up to the derivative of some order.

    Args:
        f: of one number, or of each entry of an array apart.
        order: 0 for the value alone.
    """

    def evaluate(x: Value) -> list[Value]:
        x = as_real(x)
        steps = [0.0 * x + 1.0] + [zeros_like(x)] * order
        coefficients = expand(f, [x, *steps[:order]])
        return [math.factorial(k) * c for k, c in enumerate(coefficients)]

    return evaluate

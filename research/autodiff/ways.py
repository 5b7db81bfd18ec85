"""One expression differentiated in all ways, side by side: the same numbers, and what each took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.autodiff import differences, hyper_dual, jacobians
from research.autodiff.forward import jvp
from research.autodiff.operations import Value
from research.autodiff.programs import as_program
from research.autodiff.reverse import vjp
from research.autodiff.simplification import simplify
from research.autodiff.symbolic import Expression, evaluate_nodes
from research.autodiff.symbolic_rules import differentiate

Array = NDArray[Any]


class Way(NamedTuple):
    """What one way of differentiation gives for an expression at a point.

    Attributes:
        name: of the way.
        gradient: float64 `[variables]`, or None where the way cannot be gone.
        took: what it took: evaluations of the expression, or passes through it.
        note: why there is no gradient, or where it is no number; or "".
    """

    name: str
    gradient: Array | None
    took: str
    note: str = ""


DIFFERENCES: dict[differences.Method, str] = {
    "forward": "forward differences",
    "central": "central differences",
    "richardson": "Richardson",
    "complex": "complex step",
}


class Derivatives(NamedTuple):
    """Derivatives of an expression as expressions, simplified.

    Attributes:
        gradient: one for each variable.
        hessian: for each variable a row of one for each; equal ones are one object.
    """

    gradient: tuple[Expression, ...]
    hessian: tuple[tuple[Expression, ...], ...]


def derive(expression: Expression, names: Sequence[str]) -> Derivatives:
    """First and second derivatives by the rules of calculus, as expressions."""
    gradient = tuple(simplify(differentiate(expression, name)) for name in names)
    lower = [
        [simplify(differentiate(first, name)) for name in names[: row + 1]]
        for row, first in enumerate(gradient)
    ]
    size = range(len(names))
    return Derivatives(
        gradient, tuple(tuple(lower[max(i, j)][min(i, j)] for j in size) for i in size)
    )


def gradients(
    expression: Expression,
    derivatives: Derivatives,
    names: Sequence[str],
    point: Array,
    step: float | None = None,
) -> list[Way]:
    """The gradient in every way that needs NumPy alone.

    Args:
        expression: with these variables and no others.
        derivatives: of it.
        names: of the variables.
        point: float64 `[variables]`.
        step: of the differences; by default the best one for each kind.

    Raises:
        ValueError: the step is not positive, or lost beside a variable.
    """
    f, n = as_program(expression, names), len(names)
    primals = [float(x) for x in point]
    with np.errstate(all="ignore"):
        ways = [
            make_way(
                "symbolic rules", _values(derivatives.gradient, names, point), _count(n, "formula")
            )
        ]
        for method, name in DIFFERENCES.items():
            ways.append(_by_differences(expression, names, point, method, name, step))
        tangents = [jvp(f, primals, list(unit))[1] for unit in np.eye(n)]
        ways.append(make_way("forward mode (dual numbers)", tangents, _count(n, "pass")))
        cotangents = vjp(f, *primals)[1](1.0)
        ways.append(make_way("reverse mode (a tape)", cotangents, "1 pass and back"))
        firsts = [
            hyper_dual.second_derivatives(_of_vector(f, n), point, unit, unit)[1]
            for unit in np.eye(n)
        ]
        ways.append(make_way("hyper-dual numbers", firsts, _count(n, "pass")))
    return ways


def hessians(
    expression: Expression, derivatives: Derivatives, names: Sequence[str], point: Array
) -> dict[str, Array]:
    """The second derivatives, `[variables, variables]`, in every way that needs NumPy alone."""
    f = _of_vector(as_program(expression, names), len(names))
    with np.errstate(all="ignore"):
        rows = [_values(row, names, point) for row in derivatives.hessian]
        return {
            "symbolic rules": np.stack(rows),
            "hyper-dual numbers": hyper_dual.hessian(f)(point),
            "forward over reverse": np.asarray(jacobians.hessian(f)(point)),
        }


def make_way(name: str, gradient: Sequence[Value] | Array, took: str) -> Way:
    """A way that gave numbers, with a note on those that are none."""
    found = np.array([float(each) for each in gradient])
    notes = []
    if np.isinf(found).any():
        notes.append("infinite: no derivative this way")
    if np.isnan(found).any():
        notes.append("not a number: no derivative this way")
    return Way(name, found, took, "; ".join(notes))


def _by_differences(
    expression: Expression,
    names: Sequence[str],
    point: Array,
    method: differences.Method,
    name: str,
    step: float | None,
) -> Way:
    evaluations = 0

    def f(x: Array) -> Array:
        nonlocal evaluations
        evaluations += 1
        return _values((expression,), names, x)[0]

    try:
        gradient = differences.gradient(f, point, method, step)
    except ValueError as error:
        if method != "complex":
            raise
        return Way(name, None, "", str(error).partition(":")[0])
    return make_way(name, gradient, _count(evaluations, "evaluation"))


def _values(expressions: Sequence[Expression], names: Sequence[str], point: Array) -> Array:
    found = evaluate_nodes(tuple(expressions), dict(zip(names, point, strict=True)))
    return np.stack([found[each] for each in expressions])


def _of_vector(f: Callable[..., Value], n: int) -> Callable[[Value], Value]:
    return lambda x: f(*(x[i] for i in range(n)))


def _count(number: int, noun: str) -> str:
    plural = {"pass": "passes", "formula": "formulas"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"

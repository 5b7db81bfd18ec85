"""Expressions as programs, in words that every mode of differentiation can run."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from research.autodiff import functions
from research.autodiff.operations import Value, strip
from research.autodiff.symbolic import Expression, evaluate_nodes, sort_nodes

Words = Mapping[str, Callable[..., Value]]
"""For each operation of `symbolic.OPERATIONS` what computes it."""

WORDS: Words = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": functions.divide,
    "power": functions.power,
    "negative": operator.neg,
    "exp": functions.exp,
    "log": functions.log,
    "sqrt": functions.sqrt,
    "sin": functions.sin,
    "cos": functions.cos,
    "tan": lambda x: functions.divide(functions.sin(x), functions.cos(x)),
    "tanh": functions.tanh,
    "abs": functions.abs,
    "sign": lambda x: float(np.sign(strip(x))),
    "max": functions.maximum,
    "min": lambda x, y: -functions.maximum(-x, -y),
    "less": lambda x, y: float(strip(x) < strip(y)),
    "where": lambda c, x, y: functions.where(strip(c) != 0, x, y),
}
"""Of numbers, dual numbers, nodes of a tape, and whatever else `functions` takes."""


def as_program(
    expression: Expression, names: Sequence[str], words: Words = WORDS
) -> Callable[..., Value]:
    """The function of the variables, in the order of their names, that an expression spells.

    Equal parts are computed once. Constants are floats.

    Args:
        expression: with no variables but these.
        names: of the variables.
        words: what computes each operation: `WORDS`, or those of another library.
    """
    nodes = sort_nodes(expression)

    def run(*values: Value) -> Value:
        given = dict(zip(names, values, strict=True))
        found: dict[Expression, Value] = {}
        for node in nodes:
            if node.operation == "variable":
                found[node] = given[str(node.value)]
            elif node.operation == "constant":
                found[node] = float(node.value or 0)
            else:
                found[node] = words[node.operation](*(found[each] for each in node.arguments))
        return found[expression]

    return run


def variables_of(expression: Expression) -> tuple[str, ...]:
    """The names of its variables, in the order in which they stand in it."""
    return tuple(str(node.value) for node in sort_nodes(expression) if node.operation == "variable")


def find_kinks(expression: Expression, values: Mapping[str, float]) -> list[tuple[Expression, str]]:
    """Parts of an expression that have no derivative at a point, and why not.

    The whole may have one all the same: x*abs(x) has the derivative 0 at 0.

    Args:
        expression: what is differentiated.
        values: a number for each variable.

    Returns:
        The part and a predicate: (abs(x), "has a kink").
    """
    found = evaluate_nodes((expression,), values)
    varying: set[Expression] = set()
    kinks = []
    for node in sort_nodes(expression):
        if node.operation == "variable" or any(each in varying for each in node.arguments):
            varying.add(node)
            numbers = [float(found[each]) for each in node.arguments]
            exponent_varies = node.arguments[-1:] != () and node.arguments[-1] in varying
            if reason := _kink(node.operation, numbers, exponent_varies):
                kinks.append((node, reason))
    return kinks


def _kink(operation: str, values: Sequence[float], exponent_varies: bool) -> str:
    """Why an operation has no derivative where its operands have these values, or ""."""
    match operation, values:
        case "abs" | "max" | "min", [a, *rest] if a == (rest[0] if rest else 0):
            return "has a kink"
        case "sign" | "less", [a, *rest] if a == (rest[0] if rest else 0):
            return "jumps"
        case "sqrt", [0.0]:
            return "has an infinite derivative"
        case "power", [0.0, _] if exponent_varies:
            return "has no derivative by its exponent, as its base is 0"
        case "power", [0.0, exponent] if 0 < exponent < 1:
            return "has an infinite derivative"
    return ""

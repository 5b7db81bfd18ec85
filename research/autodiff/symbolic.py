"""Expressions as graphs in which equal parts are one node, and their values over NumPy arrays."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

LARGEST_WHOLE = 2**53
"""Up to here every whole number is a float64."""


class Operation(NamedTuple):
    """What a node computes from the values of its arguments."""

    compute: Callable[..., Any]
    arguments: int
    analytic: bool = True
    """Whether it is differentiable over the complex numbers, and so has values there."""


OPERATIONS: Mapping[str, Operation] = {
    "add": Operation(np.add, 2),
    "subtract": Operation(np.subtract, 2),
    "multiply": Operation(np.multiply, 2),
    "divide": Operation(np.divide, 2),
    "power": Operation(np.power, 2),
    "negative": Operation(np.negative, 1),
    "exp": Operation(np.exp, 1),
    "log": Operation(np.log, 1),
    "sqrt": Operation(np.sqrt, 1),
    "sin": Operation(np.sin, 1),
    "cos": Operation(np.cos, 1),
    "tan": Operation(np.tan, 1),
    "tanh": Operation(np.tanh, 1),
    "abs": Operation(np.abs, 1, analytic=False),
    "sign": Operation(np.sign, 1, analytic=False),
    "max": Operation(np.maximum, 2, analytic=False),
    "min": Operation(np.minimum, 2, analytic=False),
    "less": Operation(lambda a, b: np.less(a, b).astype(np.result_type(a, b)), 2, analytic=False),
    "where": Operation(lambda chosen, a, b: np.where(chosen != 0, a, b), 3),
}
"""By name. `less(a, b)` is 1 where a < b and 0 elsewhere; `where(c, a, b)` is b where c is 0."""


@dataclass(frozen=True, eq=False)
class Expression:
    """A node: a variable, a constant, or an operation on other nodes.

    Two expressions are equal when they are spelled the same, whoever built them: each carries a
    digest of its operation and of its arguments' digests, so that a comparison looks at no graph.
    """

    operation: str
    arguments: tuple[Expression, ...] = field(default=(), repr=False)
    value: str | int | float | None = None
    """The variable's name, or the constant's number."""
    digest: bytes = field(init=False, repr=False)

    # NumPy's numbers leave `number * expression` to the expression.
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        own = f"{self.operation} {self.value!r}".encode()
        parts = b"".join(argument.digest for argument in self.arguments)
        object.__setattr__(self, "digest", hashlib.blake2b(parts + own, digest_size=16).digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __add__(self, other: Operand) -> Expression:
        return apply("add", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return apply("add", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return apply("subtract", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return apply("subtract", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return apply("multiply", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return apply("multiply", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return apply("divide", other, self)

    def __pow__(self, other: Operand) -> Expression:
        return apply("power", self, other)

    def __rpow__(self, other: Operand) -> Expression:
        return apply("power", other, self)

    def __neg__(self) -> Expression:
        return apply("negative", self)


Operand = Expression | int | float


def variable(name: str) -> Expression:
    """The variable of that name."""
    return Expression("variable", value=name)


def constant(number: int | float) -> Expression:
    """A number. Whole ones are the same however they are written: 2.0 is 2."""
    number = float(number)
    if not math.isfinite(number):
        raise ValueError(f"a constant has to be finite, {number} is not")
    whole = number.is_integer() and abs(number) <= LARGEST_WHOLE
    return Expression("constant", value=int(number) if whole else number)


def apply(name: str, *arguments: Operand) -> Expression:
    """The node of an operation of `OPERATIONS`, exactly as asked for: nothing is simplified."""
    if name not in OPERATIONS or len(arguments) != OPERATIONS[name].arguments:
        raise ValueError(f"there is no operation {name} of {len(arguments)} arguments")
    nodes = (each if isinstance(each, Expression) else constant(each) for each in arguments)
    return Expression(name, tuple(nodes))


def sort_nodes(*expressions: Expression) -> list[Expression]:
    """All different nodes that expressions consist of, each one after its arguments."""
    found: dict[Expression, None] = {}
    # A stack of our own: a graph may be deeper than Python's calls may be.
    stack = list(reversed(expressions))
    while stack:
        node = stack[-1]
        missing = [each for each in reversed(node.arguments) if each not in found]
        if missing:
            stack.extend(missing)
        else:
            found[stack.pop()] = None
    return list(found)


def count_nodes(*expressions: Expression) -> int:
    """How many nodes the graph of the expressions has, equal parts counted once."""
    return len(sort_nodes(*expressions))


def count_tree_nodes(expression: Expression) -> int:
    """How many nodes the expression has when it is written out, equal parts as often as they occur.

    Its growth under differentiation is what is known as expression swell.

    Source: Baydin et al. 2018 (arXiv 1502.05767), section 2.2 and table 1.
    """
    sizes: dict[Expression, int] = {}
    for node in sort_nodes(expression):
        sizes[node] = 1 + sum(sizes[each] for each in node.arguments)
    return sizes[expression]


def evaluate_nodes(
    expressions: tuple[Expression, ...], values: Mapping[str, ArrayLike]
) -> dict[Expression, NDArray[Any]]:
    """The values of all nodes of some expressions, each computed once.

    Args:
        expressions: what is wanted; nodes that these share are computed once for all of them.
        values: for each variable's name its value, `[...]`; shapes are broadcast. Everything is
            computed in their common dtype, in float64 where that is one of integers.

    Returns:
        For each node its value. Where a function has none it is NaN or infinite, without a warning.

    Raises:
        ValueError: a variable has no value, or a function that is not analytic a complex one.
    """
    arrays = {name: np.asarray(value) for name, value in values.items()}
    dtype = np.result_type(*arrays.values()) if arrays else np.dtype(float)
    if not np.issubdtype(dtype, np.inexact):
        dtype = np.dtype(float)
    found: dict[Expression, NDArray[Any]] = {}
    with np.errstate(all="ignore"):
        for node in sort_nodes(*expressions):
            if node.operation == "variable":
                if node.value not in arrays:
                    given = ", ".join(arrays) or "none"
                    raise ValueError(f"{node.value} has no value; values were given for: {given}")
                found[node] = arrays[str(node.value)].astype(dtype)
            elif node.operation == "constant":
                found[node] = np.asarray(node.value, dtype)
            else:
                operation = OPERATIONS[node.operation]
                if np.iscomplexobj(np.empty(0, dtype)) and not operation.analytic:
                    raise ValueError(f"{node.operation} is not analytic: give it real numbers")
                found[node] = operation.compute(*(found[each] for each in node.arguments))
    return found


def evaluate(expression: Expression, values: Mapping[str, ArrayLike]) -> NDArray[Any]:
    """The value of one expression; see `evaluate_nodes`."""
    return evaluate_nodes((expression,), values)[expression]

"""Expressions made shorter by the laws of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from research.autodiff.spelling import NUMBERS
from research.autodiff.symbolic import (
    LARGEST_WHOLE,
    OPERATIONS,
    Expression,
    apply,
    constant,
    sort_nodes,
)
from research.autodiff.symbolic_rules import ONE, ZERO

_ARITHMETIC = ("add", "subtract", "multiply", "divide", "power", "negative")
_ODD, _EVEN = ("sin", "tan", "tanh", "sign"), ("cos", "abs")


def simplify(expression: Expression) -> Expression:
    """An equal expression that is not longer, written out, and often shorter.

    Rules look at a node and the arguments of its arguments, never further, so that shared parts
    stay shared. Where the expression has a finite value the simpler one has the same, but for
    rounding; it may have one where the other has none: x/x becomes 1, exp(log(x)) becomes x.
    """
    simpler: dict[Expression, Expression] = {}
    for node in sort_nodes(expression):
        arguments = [simpler[each] for each in node.arguments]
        simpler[node] = _make(node.operation, *arguments) if arguments else node
    return simpler[expression]


def _make(name: str, *arguments: Expression) -> Expression:
    """An operation on arguments that are simple already."""
    if all(map(_is_constant, arguments)) and (folded := _fold(name, *arguments)) is not None:
        return folded
    simpler = _RULES[name](*arguments) if name in _RULES else None
    return apply(name, *arguments) if simpler is None else simpler


def _is_constant(node: Expression) -> bool:
    return node.operation == "constant"


def _fold(name: str, *arguments: Expression) -> Expression | None:
    """The number that an operation on numbers is, if nothing is lost by saying so.

    Whole numbers stay exact: 1/3 and sqrt(2) are left as they are, and so are pi and e.
    """
    numbers = [_number(argument) for argument in arguments]
    if name != "negative" and any(abs(number) in NUMBERS.values() for number in numbers):
        return None
    with np.errstate(all="ignore"):
        result = float(OPERATIONS[name].compute(*map(np.float64, numbers)))
    if not math.isfinite(result):
        return None
    if all(number.is_integer() for number in numbers):
        # Of other whole numbers than 0 these are whole only because they are rounded.
        rounded = name in ("exp", "sin", "cos", "tanh") and any(numbers)
        exact = result.is_integer() and abs(result) < LARGEST_WHOLE and not rounded
        return constant(result) if exact else None
    # A product or power that has become 0 is one that is too small for a float.
    lost = result == 0 and name in ("multiply", "divide", "power")
    return constant(result) if name in _ARITHMETIC and not lost else None


def _number(node: Expression) -> float:
    assert isinstance(node.value, int | float)
    return float(node.value)


def _term(node: Expression) -> tuple[Expression, Expression]:
    """A node as (number, what it is multiplied by)."""
    if _is_constant(node):
        return node, ONE
    if node.operation == "multiply" and _is_constant(node.arguments[0]):
        return node.arguments[0], node.arguments[1]
    return (constant(-1), node.arguments[0]) if node.operation == "negative" else (ONE, node)


def _add(a: Expression, b: Expression, name: str = "add") -> Expression | None:
    """Of a + b, or of a - b; numbers go last."""
    if b == ZERO:
        return a
    if a == ZERO:
        return b if name == "add" else _make("negative", b)
    if _is_constant(b):
        return _shift(a, b if name == "add" else _make("negative", b))
    if _is_constant(a) and name == "add":
        return _make("add", b, a)
    (first, part), (second, other) = _term(a), _term(b)
    # 2 a + 3 a is 5 a.
    if part == other and (number := _fold(name, first, second)) is not None:
        return _make("multiply", number, part)
    # a + -2 b is a - 2 b, and -2 a + b is b - 2 a.
    if _number(second) < 0:
        opposite = "subtract" if name == "add" else "add"
        return _make(opposite, a, _make("negative", b))
    if _number(first) < 0 and name == "add":
        return _make("subtract", b, _make("negative", a))
    return None


def _shift(a: Expression, number: Expression) -> Expression | None:
    """Of a + number, where a may itself end in a number: (b + 2) - 5 is b - 3."""
    if a.operation in ("add", "subtract") and _is_constant(a.arguments[1]):
        inner = _make("negative", a.arguments[1]) if a.operation == "subtract" else a.arguments[1]
        if (total := _fold("add", inner, number)) is not None:
            return _make("add", a.arguments[0], total)
    below = _number(number) < 0
    return apply("subtract", a, _make("negative", number)) if below else apply("add", a, number)


def _multiply(a: Expression, b: Expression) -> Expression | None:
    """Of a b; a number goes first."""
    if a == ZERO or b == ZERO:
        return ZERO
    if a == ONE or b == ONE:
        return b if a == ONE else a
    if _is_constant(b) and not _is_constant(a):
        return _make("multiply", b, a)
    if a == constant(-1):
        return _make("negative", b)
    (first, part), (second, other) = _term(a), _term(b)
    number = _fold("multiply", first, second)
    if _is_constant(a):
        return None if number is None or second == ONE else _make("multiply", number, other)
    # (2 a)(3 b) is 6 (a b).
    if number is not None and not first == second == ONE:
        return _make("multiply", number, _make("multiply", part, other))
    if b.operation == "divide" and b.arguments[0] == ONE:
        return _make("divide", a, b.arguments[1])
    return _like_powers("add", a, b)


def _divide(a: Expression, b: Expression) -> Expression | None:
    if a == ZERO or b == ONE:
        return a
    (first, part), (second, other) = _term(a), _term(b)
    # 6 a / (2 b) is 3 (a / b).
    number = _fold("divide", first, second)
    if number is not None and not first == second == ONE and a != first:
        return _make("multiply", number, _make("divide", part, other))
    return _like_powers("subtract", a, b)


def _like_powers(name: str, a: Expression, b: Expression) -> Expression | None:
    """a² a³ is a⁵, and a³ / a² is a."""
    (base, first), (other, second) = _base_and_exponent(a), _base_and_exponent(b)
    alike = base == other and _is_constant(first) and _is_constant(second)
    exponent = _fold(name, first, second) if alike else None
    return None if exponent is None else _make("power", base, exponent)


def _base_and_exponent(node: Expression) -> tuple[Expression, Expression]:
    return (node.arguments[0], node.arguments[1]) if node.operation == "power" else (node, ONE)


def _power(a: Expression, b: Expression) -> Expression | None:
    if b == ZERO or a == ONE:
        return ONE
    if b == ONE:
        return a
    if not isinstance(b.value, int):
        return None
    if a.operation == "power" and isinstance(a.arguments[1].value, int):
        exponent = _fold("multiply", a.arguments[1], b)
        return None if exponent is None else _make("power", a.arguments[0], exponent)
    if a.operation == "sqrt" and b.value == 2:
        return a.arguments[0]
    if a.operation == "negative":
        power = _make("power", a.arguments[0], b)
        return power if b.value % 2 == 0 else _make("negative", power)
    return None


def _negative(a: Expression) -> Expression | None:
    number, part = _term(a)
    return None if number == ONE else _make("multiply", _make("negative", number), part)


def _where(chosen: Expression, a: Expression, b: Expression) -> Expression | None:
    if a == b or not _is_constant(chosen):
        return a if a == b else None
    return b if chosen == ZERO else a


def _inverse(name: str) -> Callable[[Expression], Expression | None]:
    return lambda a: a.arguments[0] if a.operation == name else None


def _mirrored(name: str) -> Callable[[Expression], Expression | None]:
    """f(-a) is -f(a) of an odd function, f(a) of an even one."""

    def rule(a: Expression) -> Expression | None:
        if a.operation != "negative":
            return None
        plain = _make(name, a.arguments[0])
        return plain if name in _EVEN else _make("negative", plain)

    return rule


_RULES: Mapping[str, Callable[..., Expression | None]] = {
    "add": _add,
    "subtract": lambda a, b: _add(a, b, "subtract"),
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
    "exp": _inverse("log"),
    "log": _inverse("exp"),
    **{name: _mirrored(name) for name in (*_ODD, *_EVEN)},
    "max": lambda a, b: a if a == b else None,
    "min": lambda a, b: a if a == b else None,
    "less": lambda a, b: ZERO if a == b else None,
    "where": _where,
}
"""By operation: a simpler expression, or None where there is none."""

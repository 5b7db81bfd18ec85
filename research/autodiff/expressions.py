"""From a user's text such as `x**2*y + y + 2` to an expression; Python evaluates none of it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from research.autodiff.spelling import NUMBERS
from research.autodiff.symbolic import (
    OPERATIONS,
    Expression,
    apply,
    constant,
    evaluate,
    sort_nodes,
    variable,
)
from research.options.convert import did_you_mean

LONGEST_TEXT = 2_000
DEEPEST = 400
"""Operations within each other; a sum of n terms is n - 1 of them."""
LARGEST_EXPONENT = 1_000

_SIGNS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
FUNCTIONS = tuple(name for name in OPERATIONS if name not in (*_SIGNS.values(), "negative", "less"))


def parse(text: str) -> Expression:
    """The expression that a text spells, in Python's notation, exactly as it is written.

    It may consist of numbers, `pi` and `e`, variables, + - * / ** and parentheses, the functions of
    `FUNCTIONS`, and comparisons by < <= > >=, which are 1 or 0: `where(x > 0, x**2, -x)`. Python's
    parser reads it; what it makes is walked through, and whatever is not on this list refused.

    Args:
        text: at most 2,000 characters and 400 operations within each other; an exponent that is a
            number at most 1,000.

    Raises:
        ValueError: it is none; one sentence with the place, counted in characters from 1.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(
            f"an expression may have {LONGEST_TEXT} characters, this one has {len(text)}"
        )
    if not text.strip():
        raise ValueError("an expression is wanted, such as x**2*y + y + 2; the text is empty")
    line = " ".join(text.split())
    for place, character in enumerate(line, 1):
        if not character.isprintable():
            raise ValueError(f"an expression may not have {character!r} in it (character {place})")
    if "^" in line:
        raise ValueError(_sentence(line, line.index("^") + 1, "a power is written x**2, not x^2"))
    try:
        with warnings.catch_warnings():
            # What Python warns of here (`1if`) is refused below.
            warnings.simplefilter("ignore")
            tree = ast.parse(line, mode="eval")
        return _Reader(line).read(tree.body, 0)
    except SyntaxError as error:
        product = re.search(r"\d\s*[^\W\d]", line)
        advice = " (2 times x is written 2*x)" if product else ""
        # Where the text ends too early, Python gives no place.
        place = min(error.offset or len(line), len(line))
        raise ValueError(_sentence(line, place, f"{error.msg}{advice}")) from None
    except (RecursionError, MemoryError):
        raise ValueError(_too_deep(line)) from None


def _sentence(line: str, place: int, problem: str) -> str:
    return f'"{_excerpt(line, place)}" is no expression: at character {place}, {problem}'


def _excerpt(line: str, place: int) -> str:
    """The line, or what stands around the place in a long one."""
    if len(line) <= 60:
        return line
    start = max(0, place - 30)
    return f"{'...' * (start > 0)}{line[start : start + 60]}{'...' * (start + 60 < len(line))}"


def _too_deep(line: str) -> str:
    return f'"{_excerpt(line, 1)}" has more than {DEEPEST} operations within each other'


class _Reader(NamedTuple):
    line: str

    def read(self, node: ast.expr, depth: int) -> Expression:
        if depth > DEEPEST:
            raise ValueError(_too_deep(self.line))
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(node, number)
            case ast.Name(id=name):
                if name in FUNCTIONS:
                    self.refuse(node, f"the function {name} is given nothing: write {name}(...)")
                return constant(NUMBERS[name]) if name in NUMBERS else variable(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.read(operand, depth + 1)
                # To Python -2 is the negative of a number, to us a number.
                if isinstance(operand, ast.Constant) and isinstance(inner.value, int | float):
                    return constant(-inner.value)
                return -inner
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _SIGNS:
                a, b = self.read(left, depth + 1), self.read(right, depth + 1)
                if isinstance(operator, ast.Pow):
                    self.check_exponent(right, b)
                return apply(_SIGNS[type(operator)], a, b)
            case ast.Compare(left=left, ops=[sign], comparators=[right]):
                return self.comparison(
                    node, sign, self.read(left, depth + 1), self.read(right, depth + 1)
                )
            case ast.Compare():
                self.refuse(node, "only two things can be compared at a time")
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(node, name, arguments, depth)
        self.refuse(
            node,
            f"{self.spelled(node)} is not made of numbers, variables, + - * / **, functions and "
            "comparisons alone",
        )

    def number(self, node: ast.expr, number: float) -> Expression:
        try:
            return constant(number)
        except (ValueError, OverflowError):
            self.refuse(node, "the number is too large for a float64")

    def check_exponent(self, node: ast.expr, exponent: Expression) -> None:
        varies = any(each.operation == "variable" for each in sort_nodes(exponent))
        if not varies and abs(evaluate(exponent, {})) > LARGEST_EXPONENT:
            self.refuse(node, f"an exponent may be {LARGEST_EXPONENT} at most")

    def comparison(
        self, node: ast.expr, sign: ast.cmpop, a: Expression, b: Expression
    ) -> Expression:
        match sign:
            case ast.Lt():
                return apply("less", a, b)
            case ast.Gt():
                return apply("less", b, a)
            case ast.LtE():
                return 1 - apply("less", b, a)
            case ast.GtE():
                return 1 - apply("less", a, b)
        self.refuse(node, "a comparison is one of < <= > >=")

    def call(self, node: ast.expr, name: str, arguments: list[ast.expr], depth: int) -> Expression:
        if name not in FUNCTIONS:
            near = did_you_mean(name, FUNCTIONS) or f"; there are {', '.join(FUNCTIONS)}"
            self.refuse(node, f"there is no function {name}{near}")
        wanted = OPERATIONS[name].arguments
        if len(arguments) != wanted:
            noun = "argument" if wanted == 1 else "arguments"
            self.refuse(node, f"{name} takes {wanted} {noun}, not {len(arguments)}")
        return apply(name, *(self.read(each, depth + 1) for each in arguments))

    def refuse(self, node: ast.expr, problem: str) -> NoReturn:
        raise ValueError(_sentence(self.line, len(self.before(node.col_offset)) + 1, problem))

    def spelled(self, node: ast.expr) -> str:
        text = self.before(node.end_col_offset or 0)[len(self.before(node.col_offset)) :]
        return text if len(text) <= 30 else f"{text[:30]}..."

    def before(self, offset: int) -> str:
        """What stands before a place as Python counts it, in bytes."""
        return self.line.encode()[:offset].decode()

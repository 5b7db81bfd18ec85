"""Derivatives of expressions by the rules of calculus, each as a textbook writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from research.autodiff.symbolic import Expression, apply, constant, sort_nodes, variable

ZERO, ONE = constant(0), constant(1)

Rule = Callable[..., Expression]
"""(the node, its arguments, their derivatives) -> the node's derivative."""


def _power(
    y: Expression, a: Expression, b: Expression, da: Expression, db: Expression
) -> Expression:
    """Of a**b. Where only the base or only the exponent varies, one of the two terms remains."""
    base = b * a ** (b - 1) * da
    exponent = y * apply("log", a) * db
    if db == ZERO:
        return base
    return exponent if da == ZERO else base + exponent


def _of_the_smaller(a: Expression, b: Expression, da: Expression, db: Expression) -> Expression:
    """`da` where a < b, `db` where b < a, and where both are equal the mean of the two."""
    otherwise = apply("where", apply("less", b, a), db, (da + db) / 2)
    return apply("where", apply("less", a, b), da, otherwise)


RULES: Mapping[str, Rule] = {
    "add": lambda y, a, b, da, db: da + db,
    "subtract": lambda y, a, b, da, db: da - db,
    "multiply": lambda y, a, b, da, db: da * b + a * db,
    # (da b - a db) / b², with one b divided out: b² overflows long before the derivative does.
    "divide": lambda y, a, b, da, db: (da - y * db) / b,
    "power": _power,
    "negative": lambda y, a, da: -da,
    "exp": lambda y, a, da: y * da,
    "log": lambda y, a, da: da / a,
    "sqrt": lambda y, a, da: da / (2 * y),
    "sin": lambda y, a, da: apply("cos", a) * da,
    "cos": lambda y, a, da: -(apply("sin", a) * da),
    "tan": lambda y, a, da: (1 + y**2) * da,
    "tanh": lambda y, a, da: (1 - y**2) * da,
    "abs": lambda y, a, da: apply("sign", a) * da,
    "sign": lambda y, a, da: ZERO,
    "max": lambda y, a, b, da, db: _of_the_smaller(b, a, da, db),
    "min": lambda y, a, b, da, db: _of_the_smaller(a, b, da, db),
    "less": lambda y, a, b, da, db: ZERO,
    "where": lambda y, c, a, b, dc, da, db: apply("where", c, da, db),
}


def differentiate(expression: Expression, name: str) -> Expression:
    """The derivative of an expression with respect to a variable, as the rules give it.

    Nothing is simplified (see `simplification.simplify`), but what the variable does not occur in
    has the derivative 0. Each node of the graph is differentiated once, so that the derivative has
    a constant times as many nodes, whereas written out it can be exponentially longer.

    At 0, |x| and sign have the derivative 0, and sqrt's is infinite; max and min of equal arguments
    have the mean of both; a**b has none where a is 0 and b varies (NaN).

    Source: Baydin et al. 2018 (arXiv 1502.05767), section 2.2.
    """
    derivatives: dict[Expression, Expression] = {}
    for node in sort_nodes(expression):
        parts = [derivatives[each] for each in node.arguments]
        if node == variable(name):
            derivatives[node] = ONE
        elif all(part == ZERO for part in parts):
            derivatives[node] = ZERO
        else:
            derivatives[node] = RULES[node.operation](node, *node.arguments, *parts)
    return derivatives[expression]

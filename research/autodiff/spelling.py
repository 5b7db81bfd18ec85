"""Expressions as text, in the notation that `expressions.parse` reads."""

from __future__ import annotations

import math
from collections import Counter
from itertools import count

from research.autodiff.symbolic import Expression, count_tree_nodes, sort_nodes

NUMBERS = {"pi": math.pi, "e": math.e}
_NAMES: dict[object, str] = {number: name for name, number in NUMBERS.items()}
_NAMES |= {-number: f"-{name}" for name, number in NUMBERS.items()}
LONGEST = 10_000
"""Nodes of an expression that is written out."""

# (sign, how tightly it binds), as in Python's grammar.
_SIGNS = {
    "less": (" < ", 0),
    "add": (" + ", 1),
    "subtract": (" - ", 1),
    "multiply": ("*", 2),
    "divide": ("/", 2),
    "negative": ("-", 3),
    "power": ("**", 4),
}
_ATOM = 5


def spell(expression: Expression) -> str:
    """The expression in one line, such as `x**2*y + y + 2`.

    Raises:
        ValueError: it is longer than 10,000 nodes when it is written out.
    """
    if (size := count_tree_nodes(expression)) > LONGEST:
        raise ValueError(
            f"written out, the expression has {size} nodes: spell_steps writes shared parts once"
        )
    texts: dict[Expression, str] = {}
    for node in sort_nodes(expression):
        texts[node] = _spell_node(node, texts)
    return texts[expression]


def spell_steps(expression: Expression) -> list[str]:
    """Lines such as `v1 = x**2`: one for each part that occurs more than once, the last the whole.

    What `spell` would write again and again is written once.
    """
    nodes = sort_nodes(expression)
    uses = Counter(argument for node in nodes for argument in node.arguments)
    taken = {node.value for node in nodes if node.operation == "variable"}
    names = (name for number in count(1) if (name := f"v{number}") not in taken)
    texts: dict[Expression, str] = {}
    lines: list[str] = []
    for node in nodes:
        texts[node] = _spell_node(node, texts)
        if node == expression or (uses[node] > 1 and node.arguments):
            name = next(names)
            lines.append(f"{name} = {texts[node]}")
            texts[node] = name
    return lines


def _spell_node(node: Expression, texts: dict[Expression, str]) -> str:
    if node.operation == "constant":
        return _NAMES.get(node.value) or repr(node.value)
    if node.operation == "variable":
        return str(node.value)
    if node.operation not in _SIGNS:
        return f"{node.operation}({', '.join(texts[each] for each in node.arguments)})"
    sign, tightness = _SIGNS[node.operation]
    *before, last = node.arguments
    power = node.operation == "power"
    # a - (b - c), but (a - b) - c; powers the other way about, and their exponent may be negative.
    least = 3 if power or not before else tightness + 1
    # 2 (x y) is written as 2*x*y: a number in front belongs to no factor more than to another.
    numbered = node.operation == "multiply" and before[0].operation == "constant"
    if numbered and last.operation == "multiply" and "/" not in texts[last]:
        least = tightness
    lasts = _enclosed(last, texts, least)
    if not before:
        return sign + lasts
    firsts = _enclosed(before[0], texts, _ATOM if power else max(tightness, 1))
    return firsts + sign + lasts


def _enclosed(node: Expression, texts: dict[Expression, str], least: int) -> str:
    """The node's text, in parentheses where it binds less than `least`."""
    text = texts[node]
    return text if text.isidentifier() or _tightness(node) >= least else f"({text})"


def _tightness(node: Expression) -> int:
    if node.operation == "constant":
        return _SIGNS["negative"][1] if str(node.value).startswith("-") else _ATOM
    return _SIGNS[node.operation][1] if node.operation in _SIGNS else _ATOM

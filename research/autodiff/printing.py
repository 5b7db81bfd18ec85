"""What `differentiate` prints: the ways side by side, formulas, second derivatives, steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TextIO

import numpy as np

from research.autodiff.programs import as_program, find_kinks
from research.autodiff.spelling import spell, spell_steps
from research.autodiff.step_tables import name_steps
from research.autodiff.step_tables import spell_steps as spell_program
from research.autodiff.steps import forward_steps, reverse_steps
from research.autodiff.symbolic import Expression, count_tree_nodes
from research.autodiff.ways import Derivatives, Way
from research.options.terminal import Column, print_table

LONGEST = 60
"""Nodes of a formula that is written in one line."""


class Comparison(NamedTuple):
    """Everything that was found of an expression.

    Attributes:
        expression: as it was given.
        point: a number for each variable.
        value: there.
        derivatives: as formulas.
        ways: each with its gradient.
        hessians: by name of the way, `[variables, variables]`.
    """

    expression: Expression
    point: Mapping[str, float]
    value: float
    derivatives: Derivatives
    ways: tuple[Way, ...]
    hessians: Mapping[str, np.ndarray]

    def notes(self) -> list[str]:
        """A sentence on each part that has no derivative here."""
        return [
            f"{spell_short(part)} {reason} here: there may be no derivative, and ways may differ"
            for part, reason in find_kinks(self.expression, self.point)
        ]


def print_comparison(found: Comparison, file: TextIO) -> None:
    """Value, ways, formulas, second derivatives and notes."""
    names = list(found.point)
    where = ", ".join(f"{name} = {_digits(number)}" for name, number in found.point.items())
    print(f"{spell_short(found.expression)} = {_digits(found.value)} where {where}\n", file=file)
    gradients = [way.gradient for way in found.ways]
    ways = [way.name for way in found.ways]
    print_table(
        [
            Column("way", ways, shorter=[(0, [way.partition(" (")[0] for way in ways])]),
            *(
                _figures(f"∂/∂{name}", [None if g is None else g[at] for g in gradients])
                for at, name in enumerate(names)
            ),
            Column("took", [way.took for way in found.ways]),
        ],
        file,
    )
    for note in found.notes():
        print(f"note: {note}", file=file)
    # Below the table, in which digits need the room.
    for note in dict.fromkeys(way.note for way in found.ways if way.note):
        these = ", ".join(way.name for way in found.ways if way.note == note)
        print(f"note: {these}: {note}", file=file)
    print("", file=file)
    for name, formula in zip(names, found.derivatives.gradient, strict=True):
        lines = _lines(formula)
        before = " " if len(lines) == 1 else "\n    "
        print(f"∂/∂{name}:{before}{before.join(lines)}", file=file)
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    formulas = [found.derivatives.hessian[i][j] for i, j in pairs]
    print("\nsecond derivatives", file=file)
    print_table(
        [
            Column("", [_second(names[i], names[j]) for i, j in pairs]),
            Column("formula", [spell_short(each) for each in formulas], flexible=True),
            *(
                _figures(way, [hessian[i, j] for i, j in pairs])
                for way, hessian in found.hessians.items()
            ),
        ],
        file,
    )


def spell_short(expression: Expression) -> str:
    """In one line, or how long it is."""
    nodes = count_tree_nodes(expression)
    return spell(expression) if nodes <= LONGEST else f"an expression of {nodes} nodes"


def facts_of(found: Comparison) -> dict[str, Any]:
    """The same for `--json`."""
    names = list(found.point)

    def named(values: Any) -> dict[str, float]:
        return {name: float(value) for name, value in zip(names, values, strict=True)}

    return {
        "expression": spell_short(found.expression),
        "at": dict(found.point),
        "value": found.value,
        "ways": [
            {
                "way": way.name,
                "gradient": None if way.gradient is None else named(way.gradient),
                "took": way.took,
                "note": way.note,
            }
            for way in found.ways
        ],
        "formulas": {
            name: "; ".join(_lines(formula))
            for name, formula in zip(names, found.derivatives.gradient, strict=True)
        },
        "hessians": {
            way: {name: named(row) for name, row in zip(names, hessian, strict=True)}
            for way, hessian in found.hessians.items()
        },
        "notes": found.notes(),
    }


def print_steps(
    expression: Expression, point: Mapping[str, float], file: TextIO
) -> dict[str, list[dict[str, Any]]]:
    """The steps of both passes; returns them for `--json`."""
    names, primals = list(point), list(point.values())
    program = as_program(expression, names)
    with np.errstate(all="ignore"):
        forward = [forward_steps(program, primals, list(unit)) for unit in np.eye(len(names))]
        reverse = reverse_steps(program, primals)
    called = name_steps(reverse, names)
    computed = spell_program(reverse, called)
    values = [step.value for step in reverse]
    tangents = [[step.derivative for step in steps] for steps in forward]
    adjoints = [step.derivative for step in reverse]
    print("\nforward mode: for each variable a pass from the first step to the last", file=file)
    what = [text or "given" for text in computed]
    left = [Column("step", called), Column("is", what), _figures("value", values)]
    titles = [f"∂/∂{name}" for name in names]
    print_table([*left, *map(_figures, titles, tangents)], file)
    print("\nreverse mode: one pass from the last step back to the first", file=file)
    left = [Column("step", called[::-1]), Column("is", what[::-1])]
    right = [_figures("value", values[::-1]), _figures("adjoint", adjoints[::-1])]
    print_table([*left, *right], file)
    rows = list(zip(called, computed, values, strict=True))
    return {
        "forward": [
            {"step": name, "is": text, "value": float(value)}
            | {"tangents": {n: float(t[at]) for n, t in zip(names, tangents, strict=True)}}
            for at, (name, text, value) in enumerate(rows)
        ],
        "reverse": [
            {"step": name, "is": text, "value": float(value), "adjoint": float(adjoint)}
            for (name, text, value), adjoint in zip(rows[::-1], adjoints[::-1], strict=True)
        ],
    }


def _figures(title: str, values: list[Any]) -> Column:
    """Numbers with all their digits; with six where a terminal is too narrow for all."""
    full = ["–" if value is None else _digits(value) for value in values]
    short = ["–" if value is None else f"{float(value) + 0.0:.6g}" for value in values]
    return Column(title, full, right=True, shorter=[(1, short)])


def _digits(value: Any) -> str:
    # A zero with a minus would only puzzle.
    return repr(float(value) + 0.0)


def _second(one: str, other: str) -> str:
    return f"∂²/∂{one}²" if one == other else f"∂²/∂{one}∂{other}"


def _lines(expression: Expression) -> list[str]:
    """In one line; of a long one a line for each part that occurs more than once."""
    short = count_tree_nodes(expression) <= LONGEST
    return [spell(expression)] if short else spell_steps(expression)

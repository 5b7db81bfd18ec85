"""The steps of a program as lines of text, and as a graph with values and adjoints at its nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

import numpy as np

from research.autodiff.operations import Value
from research.autodiff.spelling import spell
from research.autodiff.steps import Step
from research.autodiff.symbolic import OPERATIONS, Expression, apply, constant, variable
from research.engine.artifacts import Graph

_NAMES = {"maximum": "max"}


def name_steps(steps: Sequence[Step], names: Sequence[str]) -> list[str]:
    """A name for each step: the inputs' own, then v1, v2 and so on where no input is called so."""
    numbered = (name for number in count(1) if (name := f"v{number}") not in names)
    return [*names, *(next(numbered) for _ in steps[len(names) :])]


def spell_steps(steps: Sequence[Step], names: Sequence[str]) -> list[str]:
    """What each step computes from steps before it, such as `v1*y`; of an input "".

    Args:
        steps: of a program of numbers, its inputs first.
        names: of all steps.
    """
    return ["" if step.operation == "input" else _spell(step, names) for step in steps]


def _spell(step: Step, names: Sequence[str]) -> str:
    operation = _NAMES.get(step.operation, step.operation)
    operands = [
        _constant(operand) if parent is None else variable(names[parent])
        for parent, operand in zip(step.parents, step.operands, strict=True)
    ]
    if operation in OPERATIONS:
        return spell(apply(operation, *operands))
    return f"{operation}({', '.join(map(spell, operands))})"


def _constant(value: Value) -> Expression:
    return constant(value) if math.isfinite(value) else variable(str(value))


def as_graph(steps: Sequence[Step], names: Sequence[str], title: str, note: str = "") -> Graph:
    """The graph of `reverse_steps`: each node says what it computes, its value and its adjoint.

    Args:
        steps: of a program of numbers, its inputs first, with adjoints.
        names: of the inputs.
        title: of the graph.
        note: a sentence under it.
    """
    called = name_steps(steps, names)
    texts = [
        f"{name} = {text}" if text else name
        for name, text in zip(called, spell_steps(steps, called), strict=True)
    ]
    figures = [f"value {_short(s.value)}\nadjoint {_short(s.derivative)}" for s in steps]
    edges = [(p, at) for at, step in enumerate(steps) for p in step.parents if p is not None]
    return Graph(
        title,
        tuple(f"{text}\n{figure}" for text, figure in zip(texts, figures, strict=True)),
        np.array(edges, np.int64).reshape(-1, 2),
        note,
    )


def _short(value: Value) -> str:
    # A zero with a minus would only puzzle.
    return f"{float(value) + 0.0:.6g}"

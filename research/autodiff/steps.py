"""The steps of both passes, one by one, to be shown: values with tangents, values with adjoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from research.autodiff.operations import Value, as_constant, as_real, zeros_like
from research.autodiff.reverse import Node, Tape, sweep


class Step(NamedTuple):
    """A line of a table of steps.

    Attributes:
        operation: its name; "input" for what a function is given.
        parents: for each operand, the step that it comes from; None for a constant.
        operands: their values.
        value: the result.
        derivative: the result's tangent in forward mode; in reverse mode its adjoint, the
            derivative of the whole function's value by this one.
    """

    operation: str
    parents: tuple[int | None, ...]
    operands: tuple[Value, ...]
    value: Value
    derivative: Value


def forward_steps(
    f: Callable[..., Value], primals: Sequence[Value], tangents: Sequence[Value]
) -> list[Step]:
    """All steps of a function, each with its tangent.

    Args:
        f: of numbers or arrays; gives one number or array.
        primals: where.
        tangents: the direction, of the same shapes.

    Source: Griewank and Walther 2008, table 3.3.
    """
    tape, _ = _record(f, primals)
    known = [as_constant(t, "tangent", x) for x, t in zip(primals, tangents, strict=True)]
    for operation, out, args, parents in tape.entries[len(known) :]:
        assert operation is not None  # inputs come first
        tangent = zeros_like(out)
        with np.errstate(divide="ignore", invalid="ignore"):
            for parent, rule in zip(parents, operation.jvps, strict=False):
                if parent is not None and rule is not None:
                    tangent = tangent + rule(known[parent], out, *args)
        known.append(tangent)
    return _steps(tape, known)


def reverse_steps(
    f: Callable[..., Value], primals: Sequence[Value], cotangent: Value = 1.0
) -> list[Step]:
    """All steps of a function, each with its adjoint; the pass goes from the last to the first.

    Args:
        f: of numbers or arrays; gives one number or array.
        primals: where.
        cotangent: of the value of `f`, of its shape.

    Source: Griewank and Walther 2008, table 3.4.
    """
    tape, result = _record(f, primals)
    if not (isinstance(result, Node) and result.tape is tape):
        return _steps(tape, [zeros_like(out) for _, out, _, _ in tape.entries])
    adjoints = sweep(tape.entries, result.index, as_constant(cotangent, "cotangent", result.primal))
    pairs = zip(adjoints, tape.entries, strict=True)
    return _steps(tape, [zeros_like(entry[1]) if a is None else a for a, entry in pairs])


def _record(f: Callable[..., Value], primals: Sequence[Value]) -> tuple[Tape, Value]:
    tape = Tape()
    inputs = [tape.input(as_real(x)) for x in primals]
    return tape, f(*inputs)


def _steps(tape: Tape, derivatives: list[Value]) -> list[Step]:
    return [
        Step("input" if operation is None else operation.name, parents, args, out, derivative)
        for (operation, out, args, parents), derivative in zip(
            tape.entries, derivatives, strict=True
        )
    ]

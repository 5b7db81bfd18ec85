"""Derivatives of traced functions: forward, linearised, and transposed into reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from research.autodiff.miniature.arithmetic import add
from research.autodiff.miniature.axes import zeros
from research.autodiff.miniature.program import (
    Atom,
    Program,
    Type,
    Value,
    Variable,
    eliminate_dead_code,
    partial_evaluate,
    type_of,
)
from research.autodiff.miniature.tracing import (
    Tracer,
    as_returned,
    as_tuple,
    as_value,
    bind,
    evaluate,
    read,
    trace,
)


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value of a function, and its derivative along tangents: J v.

    Args:
        function: of arrays, to an array or a tuple of arrays.
        primals: the arguments.
        tangents: one for each, of its shape and dtype; None is zero.

    Returns:
        Two of what the function returns: its value, and the value's tangent.
    """
    primals = [as_value(x) for x in primals]
    program = trace(function, *primals)
    values: dict[Variable, Value] = dict(zip(program.inputs, primals, strict=True))
    along: dict[Variable, Value] = {}
    for variable, tangent in zip(program.inputs, tangents, strict=True):
        if tangent is not None:
            along[variable] = _of_type(tangent, variable.type, "a tangent")
    for output, primitive, params, atoms in program.equations:
        inputs = [read(values, atom) for atom in atoms]
        values[output] = bind(primitive, *inputs, **params)
        slopes = [along.get(atom) if isinstance(atom, Variable) else None for atom in atoms]
        if any(slope is not None for slope in slopes):
            slope = primitive.jvp(values[output], inputs, slopes, **params)
            if slope is not None:
                along[output] = slope
    ends = [
        along[atom] if isinstance(atom, Variable) and atom in along else zeros(type_of(atom))
        for atom in program.outputs
    ]
    return as_returned([read(values, atom) for atom in program.outputs]), as_returned(ends)


class Linearization(NamedTuple):
    """A function's value at a point, and its derivative there as a linear program."""

    value: Any
    program: Program
    residuals: tuple[Value, ...]

    def __call__(self, *tangents: Any) -> Any:
        """J v, without another look at the function."""
        inputs = self.program.inputs[len(self.residuals) :]
        pairs = zip(tangents, inputs, strict=True)
        checked = [_of_type(tangent, v.type, "a tangent") for tangent, v in pairs]
        return as_returned(evaluate(self.program, *self.residuals, *checked))


def linearize(function: Callable[..., Any], *primals: Any) -> Linearization:
    """The jvp at a point, of which only what depends on tangents is left to be done."""
    values = [as_value(x) for x in primals]
    count = len(values)

    def pushed(*inputs: Value) -> tuple[Value, ...]:
        value, tangent = jvp(function, inputs[:count], inputs[count:])
        return *as_tuple(value), *as_tuple(tangent)

    program = trace(pushed, *values, *values)
    wanted = len(program.outputs) // 2
    known, linear = partial_evaluate(eliminate_dead_code(program), count, wanted)
    outputs = evaluate(known, *values)
    return Linearization(as_returned(outputs[:wanted]), linear, outputs[wanted:])


def transpose(
    program: Program, residuals: Sequence[Value], cotangents: Sequence[Value]
) -> tuple[Value, ...]:
    """The transpose of a linear program, applied: Jᵀ w, from the last equation to the first.

    Args:
        program: linear in all inputs but the first ones.
        residuals: values of these first inputs.
        cotangents: w, one for each output.

    Returns:
        A cotangent for each input that is not a residual.
    """
    known = dict(zip(program.inputs, residuals, strict=False))
    found: dict[Variable, Value] = {}

    def give(atom: Atom, cotangent: Value | None) -> None:
        # A value that is read twice hands on both cotangents: the transpose of a copy is a sum.
        if isinstance(atom, Variable) and atom not in known and cotangent is not None:
            found[atom] = add(found[atom], cotangent) if atom in found else cotangent

    for atom, cotangent in zip(program.outputs, cotangents, strict=True):
        give(atom, _of_type(cotangent, type_of(atom), "a cotangent"))
    for output, primitive, params, atoms in reversed(program.equations):
        if output in found:
            if primitive.transpose is None:
                raise ValueError(f"`{primitive.name}` is not linear and has no transpose")
            inputs = [known.get(x, x) if isinstance(x, Variable) else x for x in atoms]
            for atom, each in zip(
                atoms, primitive.transpose(found.pop(output), inputs, **params), strict=True
            ):
                give(atom, each)
    unknown = program.inputs[len(residuals) :]
    return tuple(found[v] if v in found else zeros(v.type) for v in unknown)


def linear_transpose(function: Callable[..., Any], *examples: Any) -> Callable[..., tuple]:
    """(*cotangents) -> cotangents of the arguments, for a function that is linear in all."""
    program = eliminate_dead_code(trace(function, *examples))
    return lambda *cotangents: transpose(program, (), cotangents)


def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., tuple]]:
    """The value of a function, and (*cotangents of the outputs) -> cotangents of the arguments."""
    value, program, residuals = linearize(function, *primals)
    return value, lambda *cotangents: transpose(program, residuals, cotangents)


def grad(function: Callable[..., Any], argument: int = 0) -> Callable[..., Value]:
    """The gradient of a function of one number, with respect to one argument."""

    def gradient(*primals: Any) -> Value:
        value, pull = vjp(function, *primals)
        if isinstance(value, tuple) or type_of(value).shape:
            raise ValueError("only a function that returns one number has a gradient")
        return pull(np.ones((), value.dtype))[argument]

    return gradient


def _of_type(x: Any, wanted: Type, name: str) -> Value:
    if wanted.dtype.kind != "f":
        raise ValueError(f"{wanted} has no {name[2:]}: derivatives are of floats (1.0, not 1)")
    value = x if isinstance(x, Tracer) else np.asarray(x, wanted.dtype)
    if type_of(value) != wanted:
        raise ValueError(f"{name} is {type_of(value)}, but its primal is {wanted}")
    return value

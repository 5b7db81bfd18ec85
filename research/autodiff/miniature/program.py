"""Programs: equations over typed variables, how they are printed, pruned and split in two."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from research.autodiff.miniature.tracing import Tracer

Value: TypeAlias = "np.ndarray | Tracer"
"""What an operation takes and gives: an array, or a tracer that stands for one."""
Operation: TypeAlias = Callable[..., Value]
Slopes: TypeAlias = "Sequence[Value | None]"
"""Tangents or cotangents of several values; None is zero."""
Atom: TypeAlias = "Variable | Value"
"""What an equation reads: a variable of its program, or else a constant."""


class Type(NamedTuple):
    """What a program knows of an array before it runs."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        name = "bool" if self.dtype.kind == "b" else f"{self.dtype.kind}{8 * self.dtype.itemsize}"
        return f"{name}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True, eq=False)
class Variable:
    """A name in a program; two are the same only if they are one object."""

    type: Type


@dataclass(frozen=True, eq=False)
class Primitive:
    """An operation with one result, and what each interpreter has to know of it.

    Attributes:
        evaluate: (*arrays, **params) -> array.
        type: (*types, **params) -> the result's type.
        jvp: (output, inputs, tangents, **params) -> the output's tangent. A tangent that is None
            is zero, here and below.
        batch: (size, inputs, batched, **params) -> output, whose axis 0 has `size` entries, one for
            each example; so has axis 0 of those inputs for which `batched` is true.
        transpose: (cotangent, inputs, **params) -> a cotangent for each input, where a `Variable`
            stands for an input in which the operation is linear, and None is given for all others.
    """

    name: str
    evaluate: Callable[..., Any]
    type: Callable[..., Type]
    jvp: Callable[..., Value | None]
    batch: Callable[..., Value]
    transpose: Callable[..., Slopes] | None = None


class Equation(NamedTuple):
    """`output = primitive[params] inputs`."""

    output: Variable
    primitive: Primitive
    params: dict[str, Any]
    inputs: tuple[Atom, ...]


class Program(NamedTuple):
    """What a function does, as data: `print` shows it."""

    inputs: tuple[Variable, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Atom, ...]

    def __str__(self) -> str:
        variables = [*self.inputs, *(equation.output for equation in self.equations)]
        names = {variable: _name(index) for index, variable in enumerate(variables)}

        def read(atom: Atom) -> str:
            if isinstance(atom, Variable):
                return names[atom]
            if isinstance(atom, np.ndarray) and atom.size == 1:
                return f"{atom.item():.4g}"
            return f"constant:{type_of(atom)}"

        lines = [f"{{ {' '.join(f'{names[v]}:{v.type}' for v in self.inputs)} ->"]
        for output, primitive, params, inputs in self.equations:
            shown = ", ".join(f"{key}={value}" for key, value in params.items())
            words = [primitive.name + (f"[{shown}]" if shown else ""), *map(read, inputs)]
            lines.append(f"  {names[output]}:{output.type} = {' '.join(words)}")
        return "\n".join([*lines, f"  ({', '.join(map(read, self.outputs))}) }}"])


def _name(index: int) -> str:
    before, letter = divmod(index, 26)
    return (_name(before - 1) if before else "") + string.ascii_lowercase[letter]


def type_of(atom: Any) -> Type:
    """Shape and dtype of an array, a number, a tracer or a variable."""
    if isinstance(atom, Variable):
        return atom.type
    array = atom if hasattr(atom, "dtype") else np.asarray(atom)
    return Type(array.shape, array.dtype)


def eliminate_dead_code(program: Program) -> Program:
    """The program without the equations on which no output depends."""
    live = {atom for atom in program.outputs if isinstance(atom, Variable)}
    kept = []
    for equation in reversed(program.equations):
        if equation.output in live:
            kept.append(equation)
            live.update(atom for atom in equation.inputs if isinstance(atom, Variable))
    return program._replace(equations=tuple(reversed(kept)))


def partial_evaluate(program: Program, known: int, wanted: int) -> tuple[Program, Program]:
    """Splits a program into what is determined by its first inputs, and the rest.

    Args:
        program: any.
        known: how many inputs the first program has.
        wanted: how many of the outputs the first program gives; they depend on `known` alone.

    Returns:
        The known program: known inputs -> (wanted outputs, residuals). The unknown program:
        (residuals, other inputs) -> other outputs. Residuals are what the second reads of the
        first, and all that has to be kept between the two.
    """
    unknown = set(program.inputs[known:])
    parts: tuple[list[Equation], list[Equation]] = [], []
    for equation in program.equations:
        depends = any(isinstance(atom, Variable) and atom in unknown for atom in equation.inputs)
        parts[depends].append(equation)
        if depends:
            unknown.add(equation.output)
    outputs, rest = program.outputs[:wanted], program.outputs[wanted:]
    if any(isinstance(atom, Variable) and atom in unknown for atom in outputs):
        raise ValueError(f"an output among the first {wanted} depends on an unknown input")
    read = [atom for equation in parts[1] for atom in equation.inputs] + list(rest)
    # A dict keeps the order and each once.
    residuals = tuple(
        dict.fromkeys(x for x in read if isinstance(x, Variable) and x not in unknown)
    )
    return (
        Program(program.inputs[:known], tuple(parts[0]), outputs + residuals),
        Program(residuals + program.inputs[known:], tuple(parts[1]), rest),
    )

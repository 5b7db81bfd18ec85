"""Tracing: a function is run on tracers, which record what is done to them as a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from research.autodiff.miniature.program import (
    Atom,
    Equation,
    Primitive,
    Program,
    Type,
    Value,
    Variable,
    type_of,
)


@dataclass(eq=False)
class Trace:
    """One function being traced: its equations so far, each with all traces it stands in."""

    recorded: list[tuple[Equation, frozenset[Trace]]] = field(default_factory=list)
    open: bool = True


class Tracer:
    """Stands for an array inside a function that is traced."""

    # NumPy's arrays leave `array * tracer` to the tracer.
    __array_ufunc__ = None

    def __init__(self, variable: Variable, traces: frozenset[Trace]) -> None:
        self.variable = variable
        self.traces = traces

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self.variable.type.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the array that it stands for."""
        return self.variable.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise ValueError("a traced value has no numbers yet: use this package's operations on it")

    def __bool__(self) -> bool:
        raise ValueError("a traced value is neither true nor false: choose by `where`, not `if`")


def bind(primitive: Primitive, *inputs: Value, **params: Any) -> Value:
    """Applies a primitive: at once to arrays; recorded where an input is a tracer."""
    traces = frozenset[Trace]().union(*(x.traces for x in inputs if isinstance(x, Tracer)))
    if not traces:
        # Infinite and undefined results are told by their values, as in JAX.
        with np.errstate(all="ignore"):
            return np.asarray(primitive.evaluate(*inputs, **params))
    if not all(trace.open for trace in traces):
        raise ValueError("a traced value is used after its function has ended: return it instead")
    output = Variable(primitive.type(*map(type_of, inputs), **params))
    for trace in traces:
        atoms = tuple(_atom(x, trace) for x in inputs)
        trace.recorded.append((Equation(output, primitive, params, atoms), traces))
    return Tracer(output, traces)


def _atom(value: Value, trace: Trace) -> Atom:
    """What `value` is in the program of `trace`: a variable only if it depends on its inputs."""
    return value.variable if isinstance(value, Tracer) and trace in value.traces else value


def trace(function: Callable[..., Any], *examples: Atom | float | Type) -> Program:
    """The program of a function for arguments of given types.

    Args:
        function: of as many arrays as there are examples, to an array or a tuple of arrays.
        examples: types, or arrays and tracers of which only the types count.
    """
    opened = Trace()
    types = [x if isinstance(x, Type) else type_of(x) for x in examples]
    inputs = tuple(Variable(each) for each in types)
    try:
        outputs = function(*(Tracer(variable, frozenset([opened])) for variable in inputs))
        # What also stands in a trace that has ended belongs to a function inside this one.
        recorded = [each for each, traces in opened.recorded if all(t.open for t in traces)]
    finally:
        opened.open = False
    atoms = [_atom(as_value(x), opened) for x in as_tuple(outputs)]
    return Program(inputs, tuple(recorded), tuple(atoms))


def evaluate(program: Program, *inputs: Value) -> tuple[Value, ...]:
    """The outputs of a program; of tracers, it is recorded anew."""
    values: dict[Variable, Value] = dict(zip(program.inputs, inputs, strict=True))
    for output, primitive, params, atoms in program.equations:
        values[output] = bind(primitive, *(read(values, atom) for atom in atoms), **params)
    return tuple(read(values, atom) for atom in program.outputs)


def read(values: dict[Variable, Value], atom: Atom) -> Value:
    """What an atom stands for while a program is interpreted."""
    return values[atom] if isinstance(atom, Variable) else atom


def as_value(x: Any) -> Value:
    """A tracer as it is, all else as an array."""
    return x if isinstance(x, Tracer) else np.asarray(x)


def as_tuple(outputs: Any) -> tuple[Value, ...]:
    """What a function returned, as the outputs of its program."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def as_returned(outputs: Iterable[Value]) -> Any:
    """Outputs of a program as a function returns them: one alone, several as a tuple."""
    values = tuple(outputs)
    return values if len(values) != 1 else values[0]

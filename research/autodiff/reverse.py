"""Reverse mode: a tape of all steps, which is then gone through backwards with cotangents.

The backward pass is made of the same operations as the function. So it can itself be taped, or be
carried out on dual numbers, for derivatives of any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from research.autodiff import arrays
from research.autodiff import elementwise as each
from research.autodiff.arrays import sum_to
from research.autodiff.boxes import Box
from research.autodiff.operations import (
    Operation,
    Traced,
    Value,
    add_to,
    apply,
    as_constant,
    as_real,
    new_level,
    zeros_like,
)

# A line of a tape: what was done (None for an input), its result, the operands without this tape,
# and for each operand the line it comes from (None for a constant).
Entry = tuple[Operation | None, Value, tuple[Value, ...], tuple[int | None, ...]]
Method = Callable[["Node", Value], Value]


class Tape:
    """The steps of a program in the order they were taken (a Wengert list), all of one level."""

    __slots__ = ("entries", "level")

    def __init__(self) -> None:
        self.level = new_level()
        self.entries: list[Entry] = []

    def input(self, value: Value) -> Node:
        """Writes down an input."""
        self.entries.append((None, value, (), ()))
        return Node(self, len(self.entries) - 1, value)


def _operator(operation: Operation) -> tuple[Method, Method]:
    """Python's operator and its reflection: `run`, without the search for the highest level.

    On scalars, calls are what time is spent on; this takes half of it.
    """
    compute = operation.compute

    def method(self: Node, other: Value) -> Value:
        tape, x = self.tape, self.primal
        if type(other) is Node and other.tape is tape:
            y = other.primal
            parents: tuple[int | None, ...] = (self.index, other.index)
        elif isinstance(other, Traced):
            return apply(operation, self, other)
        else:
            y, parents = other, (self.index, None)
        out, entries = compute(x, y), tape.entries
        entries.append((operation, out, (x, y), parents))
        return Node(tape, len(entries) - 1, out)

    def reflected(self: Node, other: Value) -> Value:
        if isinstance(other, Traced):
            return apply(operation, other, self)
        y, entries = self.primal, self.tape.entries
        out = compute(other, y)
        entries.append((operation, out, (other, y), (None, self.index)))
        return Node(self.tape, len(entries) - 1, out)

    return method, reflected


class Node(Box):
    """The value on a line of a tape. The tape does not refer to it, so neither outlives its use."""

    __slots__ = ("index", "primal", "tape")

    def __init__(self, tape: Tape, index: int, primal: Value) -> None:
        self.tape = tape
        self.index = index
        self.primal = primal

    def __repr__(self) -> str:
        return f"Node({self.primal!r})"

    __add__, __radd__ = _operator(each.ADD)
    __sub__, __rsub__ = _operator(each.SUBTRACT)
    __mul__, __rmul__ = _operator(each.MULTIPLY)
    __truediv__, __rtruediv__ = _operator(each.DIVIDE)
    __pow__, __rpow__ = _operator(each.POWER)
    __matmul__, __rmatmul__ = _operator(arrays.MATMUL)
    __getitem__ = _operator(arrays.GETITEM)[0]

    @property
    def level(self) -> int:  # type: ignore[override]
        """Of its tape."""
        return self.tape.level

    def run(self, operation: Operation, args: tuple[Value, ...]) -> Node:
        """The result, as a new line."""
        tape = self.tape
        if len(args) == 1 and not isinstance(self.primal, Traced):
            # The loop below in half the time.
            out = operation.compute(self.primal)
            tape.entries.append((operation, out, (self.primal,), (self.index,)))
            return Node(tape, len(tape.entries) - 1, out)
        values, parents = [], []
        for arg in args:
            mine = type(arg) is Node and arg.tape is tape
            values.append(arg.primal if mine else arg)
            parents.append(arg.index if mine else None)
        out, entries = apply(operation, *values), tape.entries
        entries.append((operation, out, tuple(values), tuple(parents)))
        return Node(tape, len(entries) - 1, out)


def _merge(known: Value, share: Value, operation: Operation, operand: Value) -> Value:
    """An operand's cotangent with one share more; what was repeated to fit the other is summed."""
    if operation.elementwise:
        share = sum_to(share, np.shape(operand))
    if known is None:
        return share
    return add_to(share, known) if operation.makes_new else known + share


# An infinite derivative is a result: it is not warned of.
@np.errstate(divide="ignore", invalid="ignore")
def sweep(entries: list[Entry], last: int, cotangent: Value) -> list[Value]:
    """The cotangent of every line, None where the last line does not depend on it."""
    cotangents: list[Value] = [None] * len(entries)
    cotangents[last] = cotangent
    for i in range(last, -1, -1):
        c = cotangents[i]
        operation, out, args, parents = entries[i]
        if c is None or operation is None:
            continue
        rules: Any = operation.vjps
        if len(args) == 2:
            # The loop below, written out: scalars go through here in two thirds of its time.
            (first, second), (x, y) = parents, args
            if first is not None:
                share, known = rules[0](c, out, x, y), cotangents[first]
                if type(share) is not float:
                    share, known = _merge(known, share, operation, x), None
                cotangents[first] = share if known is None else known + share
            if second is not None:
                share, known = rules[1](c, out, x, y), cotangents[second]
                if type(share) is not float:
                    share, known = _merge(known, share, operation, y), None
                cotangents[second] = share if known is None else known + share
            continue
        for k, parent in enumerate(parents):
            if parent is not None:
                share = rules[k](c, out, *args)
                cotangents[parent] = _merge(cotangents[parent], share, operation, args[k])
    return cotangents


def vjp(
    f: Callable[..., Value], *primals: Value
) -> tuple[Value, Callable[[Value], tuple[Value, ...]]]:
    """A function's value and its pullback: a vector times the Jacobian, for any vector.

    Args:
        f: of as many numbers or arrays as there are primals; gives one number or array.
        *primals: where.

    Returns:
        f(primals), and the function from a cotangent of the value (of its shape) to the cotangents
        of all primals. It can be called again; what it gives is not to be written into.

    Raises:
        ValueError: where something is not made of real numbers; by the pullback, where the
            cotangent has another shape.

    Source: Griewank and Walther 2008, Evaluating Derivatives, section 3.2.
    """
    tape = Tape()
    inputs = [tape.input(as_real(x)) for x in primals]
    result = f(*inputs)
    depends = isinstance(result, Node) and result.tape is tape
    out = result.primal if depends else as_real(result)

    def pullback(cotangent: Value) -> tuple[Value, ...]:
        cotangent = as_constant(cotangent, "cotangent", out)
        known = [None] * len(inputs)
        if depends:
            known = sweep(tape.entries, result.index, cotangent)[: len(inputs)]
        return tuple(
            zeros_like(x.primal) if c is None else c for c, x in zip(known, inputs, strict=True)
        )

    return out, pullback


def value_and_grad(
    f: Callable[..., Value], argnums: int | tuple[int, ...] = 0
) -> Callable[..., tuple[Value, Value]]:
    """The function that gives the value and the gradient of `f`.

    Args:
        f: of numbers and arrays; gives one number.
        argnums: which arguments the gradient is by: one, or several in a tuple.

    Returns:
        A function of the same arguments, whose gradient has the shape of the argument, or is a
        tuple of as many. The other arguments may be anything.

    Raises:
        ValueError: by the function it gives, where `f` gives more than one number.
    """
    places = (argnums,) if isinstance(argnums, int) else argnums

    def evaluate(*args: Value) -> tuple[Value, Value]:
        def g(*chosen: Value) -> Value:
            given = dict(zip(places, chosen, strict=True))
            return f(*(given.get(i, arg) for i, arg in enumerate(args)))

        out, pullback = vjp(g, *(args[i] for i in places))
        if np.shape(out) != ():
            raise ValueError(
                f"a gradient is of a function that gives one number; this one gives an array of "
                f"shape {np.shape(out)}: sum it, or use `vjp` or a Jacobian"
            )
        gradients = pullback(1.0)
        return out, gradients[0] if isinstance(argnums, int) else gradients

    return evaluate


def grad(f: Callable[..., Value], argnums: int | tuple[int, ...] = 0) -> Callable[..., Value]:
    """The function that gives the gradient of `f`; for its arguments see `value_and_grad`."""
    both = value_and_grad(f, argnums)
    return lambda *args: both(*args)[1]

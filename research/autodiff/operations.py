"""Operations and values that are traced: the one mechanism beneath every mode of differentiation.

An operation is computed on plain numbers and arrays. Where an operand is traced (a dual number, a
node of a tape, a series), the operand of the highest level decides what is done; within, it
applies the same operation to what it holds, which may be traced itself, at a lower level. So modes
nest in any order.

Levels keep nested derivatives apart: each derivative that is taken draws a new one, higher than
all before. What a function closes over has been made before its derivative is taken, so it has a
lower level and is a constant there, as it should. The level cannot be found from the arguments (a
function may close over what is traced at any level), nor is the depth of the calls enough: a
value that has escaped from a derivative that is done would be taken for one of the next. So there
is one counter for the whole process. It is no state that results depend on: levels are compared,
their values never matter, and none occurs twice.

Source: Siskind and Pearlmutter 2005, Perturbation confusion and referential transparency.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

Value = Any  # a number, an array, or a traced value
Rule = Callable[..., Value]  # (tangent or cotangent, result, *operands) -> tangent or cotangent

_levels = itertools.count(1)


def new_level() -> int:
    """A level above every level so far."""
    return next(_levels)


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A step of a program and its derivatives.

    Attributes:
        name: for messages and lists of steps.
        compute: from plain operands to a number or an array.
        jvps: for each operand, what its tangent adds to the result's; None for one that is never
            traced (a condition). Nor are operands behind the last (an axis, a shape).
        vjps: for each operand, its share of the result's cotangent.
        elementwise: operands are broadcast against each other, and so must tangents be.
        linear: in all its operands together: f(x + dx, y + dy) = f(x, y) + f(dx, dy).
        multilinear: in each operand while the others are fixed, as a product is.
    """

    name: str
    compute: Callable[..., Any]
    jvps: tuple[Rule | None, ...]
    vjps: tuple[Rule | None, ...]
    elementwise: bool = False
    linear: bool = False
    multilinear: bool = False

    @property
    def makes_new(self) -> bool:
        """Whether its rules always make new arrays, and never give what they were given."""
        return self.elementwise and not self.linear

    def differentiable(self, position: int) -> bool:
        """Whether there is a derivative by the operand at this position."""
        return position < len(self.jvps) and self.jvps[position] is not None


def elementwise(
    name: str,
    compute: Callable[..., Any],
    *rules: Rule | None,
    linear: bool = False,
    multilinear: bool = False,
) -> Operation:
    """An operation on each entry: its Jacobian is diagonal, so one rule serves both modes."""
    return Operation(name, compute, rules, rules, True, linear, multilinear)


def multilinear(name: str, compute: Callable[..., Any], *vjps: Rule) -> Operation:
    """An operation that is linear in each operand: a tangent takes its operand's place."""

    def substitute(i: int) -> Rule:
        return lambda t, _, *args: apply(operation, *args[:i], t, *args[i + 1 :])

    jvps = tuple(substitute(i) for i in range(len(vjps)))
    operation = Operation(name, compute, jvps, vjps, multilinear=True)
    return operation


class Traced:
    """What stands in for a number or an array while a derivative is taken.

    Attributes:
        level: of the derivative that it belongs to.
        primal: the value without that derivative; traced itself at lower levels, or plain.
    """

    __slots__ = ()
    # NumPy leaves operators to us, instead of going over our values one by one.
    __array_ufunc__: ClassVar[None] = None
    level: int
    primal: Value

    def run(self, operation: Operation, args: tuple[Value, ...]) -> Value:
        """The operation at this level: no operand has a higher one."""
        raise NotImplementedError

    def holds(self, x: Value) -> bool:
        """Whether `x` is traced at this very level."""
        return isinstance(x, Traced) and x.level == self.level


def apply(operation: Operation, *args: Value) -> Value:
    """The operation's result, traced where an operand is."""
    top: Traced | None = None
    for arg in args:
        if isinstance(arg, Traced) and (top is None or arg.level > top.level):
            top = arg
    return operation.compute(*args) if top is None else top.run(operation, args)


def strip(x: Value) -> Any:
    """The plain number or array of a value: what its comparisons go by."""
    while isinstance(x, Traced):
        x = x.primal
    return x


def as_real(x: Value) -> Value:
    """The value as a float or an array of floats.

    Raises:
        ValueError: for what is not made of real numbers.
    """
    if isinstance(x, (Traced, float, np.floating)):
        return x
    if isinstance(x, int):
        return float(x)
    array = np.asarray(x)
    if array.dtype.kind == "O":
        raise ValueError(
            "derivatives are of one number or one array: put several values together by `stack` "
            f"or `concatenate`; this is {x!r}"
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(f"derivatives are of real numbers, and these are {array.dtype}: {x!r}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def zeros_like(x: Value) -> Any:
    """A plain zero of the shape and dtype of a value."""
    x = strip(x)
    return np.zeros_like(x) if isinstance(x, (np.ndarray, np.generic)) else 0.0


def add_to(share: Value, known: Value) -> Value:
    """The sum of both, in the memory of the first where that is an array: nothing else has it.

    For a large array that takes half of the time of one that is made.
    """
    arrays = type(share) is np.ndarray and type(known) is np.ndarray
    if arrays and share.shape == known.shape and share.dtype == known.dtype:
        share += known
        return share
    return known + share


def as_constant(x: Value, what: str, like: Value) -> Value:
    """A tangent or cotangent, which must have the shape of its value.

    Raises:
        ValueError: where it has another.
    """
    x = as_real(x)
    if np.shape(x) != np.shape(like):
        raise ValueError(
            f"a {what} has the shape of its value, {np.shape(like)}; this one has {np.shape(x)}"
        )
    dtype = getattr(strip(like), "dtype", None)
    return x.astype(dtype) if isinstance(x, np.ndarray) and dtype else x

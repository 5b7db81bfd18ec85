"""Forward mode: dual numbers a + bε with ε² = 0, carried through a program beside its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from research.autodiff.arrays import broadcast_to
from research.autodiff.boxes import Box
from research.autodiff.operations import (
    Operation,
    Value,
    add_to,
    apply,
    as_constant,
    as_real,
    new_level,
    zeros_like,
)


class Dual(Box):
    """primal + tangent ε, where f(a + bε) = f(a) + f'(a) b ε.

    Attributes:
        level: of its ε; those of other levels are other numbers.
        primal: a number or an array, or a traced value of a lower level.
        tangent: of the same shape.
    """

    __slots__ = ("level", "primal", "tangent")

    def __init__(self, level: int, primal: Value, tangent: Value) -> None:
        self.level, self.primal, self.tangent = level, primal, tangent

    def __repr__(self) -> str:
        return f"{self.primal!r} + {self.tangent!r}ε"

    def run(self, operation: Operation, args: tuple[Value, ...]) -> Dual:
        """The result and the sum of what each operand's tangent adds to its tangent."""
        values = tuple(arg.primal if self.holds(arg) else arg for arg in args)
        primal = apply(operation, *values)
        tangent: Value = None
        for arg, rule in zip(args, operation.jvps, strict=False):
            if rule is not None and self.holds(arg):
                share = rule(arg.tangent, primal, *values)
                if tangent is None:
                    tangent = share
                elif type(primal) is not float and operation.makes_new:
                    tangent = add_to(share, tangent)
                else:
                    tangent = tangent + share
        # A float has no shape to be compared, which would be most of its time.
        spread = operation.elementwise and type(primal) is not float
        if spread and np.shape(tangent) != np.shape(primal):
            tangent = broadcast_to(tangent, np.shape(primal))
        return Dual(self.level, primal, tangent)


def jvp(
    f: Callable[..., Value], primals: Sequence[Value], tangents: Sequence[Value]
) -> tuple[Value, Value]:
    """A function's value and its derivative in a direction: the Jacobian times a vector.

    Args:
        f: of as many numbers or arrays as there are primals; gives one number or array.
        primals: where.
        tangents: the direction, of the same shapes.

    Returns:
        f(primals) and the tangent there, of its shape.

    Raises:
        ValueError: where shapes differ, or something is not made of real numbers.

    Source: Griewank and Walther 2008, Evaluating Derivatives, section 3.1.
    """
    if len(primals) != len(tangents):
        raise ValueError(
            f"every primal has one tangent; there are {len(primals)} and {len(tangents)}"
        )
    level = new_level()
    primals = [as_real(x) for x in primals]
    duals = [
        Dual(level, x, as_constant(t, "tangent", x)) for x, t in zip(primals, tangents, strict=True)
    ]
    # An infinite derivative is a result: it is not warned of.
    with np.errstate(divide="ignore", invalid="ignore"):
        out = f(*duals)
    if isinstance(out, Dual) and out.level == level:
        return out.primal, out.tangent
    out = as_real(out)
    return out, zeros_like(out)


def derivative(f: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """The derivative of a function of one number, as a function of one number.

    Raises:
        ValueError: by the function it gives, for an array.
    """

    def df(x: Value) -> Value:
        if np.shape(x) != ():
            raise ValueError(
                f"`derivative` is of a function of one number, not of an array of shape "
                f"{np.shape(x)}: use `jvp`, or a Jacobian"
            )
        return jvp(f, (x,), (1.0,))[1]

    return df

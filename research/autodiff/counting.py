"""Operations counted: how many additions, products and functions of one number a program takes.

What is counted is what a tape has written down, so it does not depend on the machine. Derivatives
are counted as any other program: a tape beneath the derivative's own sees its steps as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from research.autodiff.operations import Value, as_real, strip
from research.autodiff.reverse import Tape

Operands = tuple[Value, ...]


def _additions(out: Any, operands: Operands) -> int:
    return np.size(strip(operands[0])) - np.size(out)


def _products_and_additions(out: Any, operands: Operands) -> int:
    return np.size(out) * (2 * np.shape(operands[0])[-1] - 1)


def _moves(out: Any, operands: Operands) -> int:
    return 0


OTHER_THAN_ONE_AN_ENTRY: Mapping[str, Callable[[Any, Operands], int]] = {
    "sum": _additions,
    "sum_to": _additions,
    "matmul": _products_and_additions,
    **dict.fromkeys(
        ("broadcast_to", "reshape", "transpose", "getitem", "embed", "concatenate"), _moves
    ),
}
"""Operation -> its count. What is not here is applied to each entry, and counts one for each."""


def count_operations(program: Callable[..., Any], *args: Value) -> int:
    """How many operations on single numbers a program does with what depends on its arguments.

    Args:
        program: of numbers and arrays, written in `research.autodiff.functions`. What it returns
            does not matter: `lambda x, c: vjp(f, x)[1](c)` counts the function and its pullback.
        *args: numbers and arrays. A direction of a derivative should be one of them: what is
            done with constants alone is not seen.
    """
    tape = Tape()
    program(*(tape.input(as_real(each)) for each in args))
    return sum(
        OTHER_THAN_ONE_AN_ENTRY[operation.name](out, operands)
        if operation.name in OTHER_THAN_ONE_AN_ENTRY
        else int(np.size(strip(out)))
        for operation, out, operands, _ in tape.entries
        if operation is not None
    )

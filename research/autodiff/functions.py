"""The words that a function is written in, so that every mode can differentiate it.

`exp(x)` takes what x is: a number or an array, a dual number, a node of a tape, a series. Names and
arguments are NumPy's, so a function can be given either.
"""

from research.autodiff.arrays import (
    broadcast_to,
    concatenate,
    logsumexp,
    matmul,
    mean,
    reshape,
    stack,
    sum,
    transpose,
)
from research.autodiff.elementwise import (
    abs,
    cos,
    divide,
    exp,
    log,
    maximum,
    power,
    sin,
    sqrt,
    tanh,
    where,
)

__all__ = [
    "abs",
    "broadcast_to",
    "concatenate",
    "cos",
    "divide",
    "exp",
    "log",
    "logsumexp",
    "matmul",
    "maximum",
    "mean",
    "power",
    "reshape",
    "sin",
    "sqrt",
    "stack",
    "sum",
    "tanh",
    "transpose",
    "where",
]

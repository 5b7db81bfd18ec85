"""Programs that hypothesis draws: the same one runs with our functions and with JAX's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

MATRIX = np.array([[0.3, -0.7, 0.2], [0.5, 0.1, -0.4], [-0.6, 0.8, 0.9]])
Line = Callable[[Any, Any, Any], Any]

# Every value has a shape that can be broadcast to (2, 3), and stays within about one's size. None
# jumps: two values that are equal but for rounding must not decide what the derivative is.
LINES: dict[str, Line] = {
    "add": lambda lib, a, b: a + b,
    "subtract": lambda lib, a, b: 1.5 - a - b,
    "multiply": lambda lib, a, b: lib.tanh(a * b),
    "divide": lambda lib, a, b: a / (1.0 + b * b),
    "power": lambda lib, a, b: (1.2 + lib.sin(a)) ** lib.cos(b),
    "cube": lambda lib, a, b: lib.sin(a) ** 3 - b,
    "exp": lambda lib, a, b: lib.exp(lib.sin(a)) * 2.0,
    "log": lambda lib, a, b: lib.log(2.0 + lib.cos(a)),
    "sqrt": lambda lib, a, b: lib.sqrt(1.0 + a * a),
    "abs": lambda lib, a, b: lib.abs(a) - abs(b),
    "maximum": lambda lib, a, b: lib.maximum(a, b),
    "where": lambda lib, a, b: lib.where(a > b, a + 0 * b, 0 * a + b),
    "sum": lambda lib, a, b: lib.sum(a, axis=None) / 6 + b,
    "mean": lambda lib, a, b: lib.mean(lib.stack([a + b, b - a]), axis=0),
    "matmul": lambda lib, a, b: lib.matmul(a + np.zeros(3), MATRIX) - b,
    "transpose": lambda lib, a, b: lib.transpose(lib.transpose(a + np.zeros((2, 3))) @ np.eye(2)),
    "reshape": lambda lib, a, b: lib.sum(lib.reshape(a + np.zeros((2, 3)), (3, 2)), axis=1),
    "getitem": lambda lib, a, b: (a + np.zeros(3))[..., np.array([0, 0, 1])],
    "slices": lambda lib, a, b: (b + np.zeros((2, 3)))[1, ::-1],
    "concatenate": lambda lib, a, b: (
        lib.concatenate([(a + np.zeros(3))[..., 1:], MATRIX[:1, 0]])
        if np.ndim(a) < 2
        else lib.concatenate([a[:1] * b, b + 0 * a], axis=-2)[1:3]
    ),
}


def _function(lines: list[tuple[str, int, int]]) -> Callable[..., Any]:
    def f(lib: Any, *inputs: Any) -> Any:
        values = list(inputs)
        for name, i, j in lines:
            values.append(LINES[name](lib, values[i % len(values)], values[j % len(values)]))
        total = 0.0
        for k, value in enumerate(values[len(inputs) :], 1):
            total = total + lib.sum(lib.sin(value)) / k
        return total

    return f


# All lines, one after the other.
whole_program = _function([(name, 3 * k, 5 * k + 1) for k, name in enumerate(LINES)])

# Functions of a library, a number, a vector of three and a matrix of two rows.
programs = st.lists(
    st.tuples(st.sampled_from(sorted(LINES)), st.integers(0, 20), st.integers(0, 20)),
    min_size=1,
    max_size=6,
).map(_function)


def inputs(seed: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Points where no two numbers are equal, so that no kink is hit."""
    random = np.random.default_rng(seed)
    return random.normal(), random.normal(size=3), random.normal(size=(2, 3))

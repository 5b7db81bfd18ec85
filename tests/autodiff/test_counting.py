"""Operations are counted: as by hand, however a program is written; and the bound on gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.autodiff.cost_of_gradients import BOUND, FUNCTIONS, product, ratio, vector
from research.autodiff import functions as fn
from research.autodiff.counting import count_operations
from research.autodiff.forward import jvp
from research.autodiff.operations import Value
from research.autodiff.reverse import vjp


@pytest.mark.parametrize(
    ("program", "args", "count"),
    [
        (lambda x, y: x * x * y + y + 2, (3.0, 4.0), 4),
        (lambda x: 3.0, (1.0,), 0),
        (lambda x: fn.sum(fn.exp(x)), (np.ones((3, 4)),), 12 + 11),
        (lambda x: fn.sum(x, axis=0), (np.ones((3, 4)),), 2 * 4),
        (lambda x: fn.transpose(fn.reshape(x, (4, 3)))[1:], (np.ones((3, 4)),), 0),
        (lambda x, y: x @ y, (np.ones((2, 3)), np.ones((3, 5))), 10 * (3 + 2)),
        # x * y, then t * y and x * u and their sum.
        (lambda x, t, y, u: jvp(lambda x, y: x * y, (x, y), (t, u)), (1.0, 2.0, 3.0, 4.0), 1 + 3),
        (lambda x, y, c: vjp(lambda x, y: x * y, x, y)[1](c), (1.0, 2.0, 3.0), 1 + 2),
        # What two uses of x give is added.
        (lambda x, c: vjp(lambda x: x * x, x)[1](c), (1.0, 2.0), 1 + 3),
    ],
)  # fmt: skip
def test_counts_that_a_person_can_check(program, args, count) -> None:
    assert count_operations(program, *args) == count


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_arrays_count_as_the_numbers_that_they_consist_of(rows, inner, columns) -> None:
    a, b = np.ones((rows, inner)), np.ones((inner, columns))

    def by_numbers(*entries):
        x = np.array(entries[: a.size], object).reshape(a.shape)
        y = np.array(entries[a.size :], object).reshape(b.shape)
        total = None
        for i in range(rows):
            for j in range(columns):
                dot = x[i, 0] * y[0, j]
                for k in range(1, inner):
                    dot = dot + x[i, k] * y[k, j]
                each = fn.tanh(dot)
                total = each if total is None else total + each
        return total

    def by_arrays(a, b):
        return fn.sum(fn.tanh(a @ b))

    assert count_operations(by_arrays, a, b) == count_operations(
        by_numbers, *([1.0] * (a.size + b.size))
    )


LINES: dict[str, Callable[[Value, Value], Value]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: 2.0 / a,
    "power": lambda a, b: a**3,
    "exp": lambda a, b: fn.exp(a),
    "sin": lambda a, b: fn.sin(a),
    "tanh": lambda a, b: fn.tanh(a),
    "log": lambda a, b: fn.log(a),
    "sqrt": lambda a, b: fn.sqrt(a),
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(LINES)), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(PROGRAMS)
def test_a_gradient_takes_at_most_five_times_the_function(lines) -> None:
    def program(x, y):
        values = [x, y]
        for name, i, j in lines:
            values.append(LINES[name](values[i % len(values)], values[j % len(values)]))
        return values[-1]

    with np.errstate(all="ignore"):
        assert ratio(program, 1.5, 2.5) <= BOUND


def test_the_functions_of_the_experiment_are_within_the_bound_and_two_are_not() -> None:
    assert all(1 < ratio(f, *at) <= BOUND for f, at in FUNCTIONS.values())
    assert ratio(lambda x: product(*x), vector(20)) > BOUND
    assert ratio(lambda x: x / x, 3.0) == 6

"""The tables of both passes, as the textbook has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from research.autodiff import functions as fn
from research.autodiff.forward import jvp
from research.autodiff.reverse import grad
from research.autodiff.steps import forward_steps, reverse_steps
from tests.autodiff.programs import inputs, whole_program


def f(x: Any, y: Any) -> Any:
    return x**2 * y + y + 2


def test_the_steps_of_the_books_function() -> None:
    forward, reverse = forward_steps(f, (3, 4), (1, 0)), reverse_steps(f, (3, 4))
    names = ["input", "input", "power", "multiply", "add", "add"]
    assert [s.operation for s in forward] == [s.operation for s in reverse] == names
    assert [s.value for s in reverse] == [3, 4, 9, 36, 40, 42]
    assert [s.derivative for s in forward] == [1, 0, 6, 24, 24, 24]
    assert [s.derivative for s in reverse] == [24, 10, 4, 1, 1, 1]
    assert [s.parents for s in reverse] == [(), (), (0, None), (2, 1), (3, 1), (4, None)]
    assert reverse[2].operands == (3, 2)


def test_the_tables_end_and_begin_with_what_the_modes_give() -> None:
    xs, ts = inputs(0), inputs(1)
    g = lambda *xs: whole_program(fn, *xs)  # noqa: E731
    value, tangent = jvp(g, xs, ts)
    last = forward_steps(g, xs, ts)[-1]
    assert (last.value, last.derivative) == pytest.approx((value, tangent), rel=1e-12)
    reverse = reverse_steps(g, xs)
    for step, expected in zip(reverse, grad(g, (0, 1, 2))(*xs), strict=False):
        np.testing.assert_array_equal(step.derivative, expected)
    # What an adjoint is: a step's value moved by h moves the whole value by h times it.
    assert reverse[-1].derivative == 1.0


def test_a_step_that_does_not_matter_has_no_adjoint() -> None:
    def g(x: Any) -> Any:
        fn.exp(x)
        return 2 * x

    assert [s.derivative for s in reverse_steps(g, (1.0,))] == [2.0, 0.0, 1.0]
    assert [s.derivative for s in reverse_steps(lambda x: 5.0, (1.0,))] == [0.0]


def test_steps_need_a_tangent_of_the_right_shape() -> None:
    with pytest.raises(ValueError, match="shape of its value"):
        forward_steps(fn.sin, (1.0,), (np.ones(2),))

"""Expressions as programs: their values, all ways on them, their kinks, and the graph of steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from research.autodiff.expressions import parse
from research.autodiff.programs import as_program, find_kinks, variables_of
from research.autodiff.spelling import spell
from research.autodiff.step_tables import as_graph
from research.autodiff.steps import reverse_steps
from research.autodiff.symbolic import Expression, evaluate
from research.autodiff.ways import derive, gradients, hessians
from tests.autodiff.graphs import expressions, points


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(expression=expressions(), at=points)
def test_programs_have_the_expressions_values_and_all_ways_agree(
    expression: Expression, at: dict[str, float]
) -> None:
    names = variables_of(expression)
    point = np.array([at[name] for name in names])
    value = evaluate(expression, at)
    if not names or not np.isfinite(value) or abs(value) > 1e6 or find_kinks(expression, at):
        return
    with np.errstate(all="ignore"):
        assert as_program(expression, names)(*map(float, point)) == pytest.approx(value, rel=1e-9)
    derivatives = derive(expression, names)
    by_rules, *others = gradients(expression, derivatives, names, point)
    assert by_rules.gradient is not None
    if not np.all(np.abs(by_rules.gradient) < 1e6):
        return
    for way in others:
        if way.name in ("forward mode (dual numbers)", "reverse mode (a tape)"):
            assert way.gradient == pytest.approx(by_rules.gradient, rel=1e-7, abs=1e-7), way.name
    rules, *second = hessians(expression, derivatives, names, point).values()
    assert np.array_equal(rules, rules.T, equal_nan=True) and len(second) == 2


def test_the_graph_of_steps_has_an_edge_for_each_operand_that_varies() -> None:
    expression = parse("x*x + sin(x)*3")
    graph = as_graph(reverse_steps(as_program(expression, ("x",)), (2.0,)), ("x",), "t")
    assert graph.edges.tolist() == [[0, 1], [0, 1], [0, 2], [2, 3], [1, 4], [3, 4]]
    assert [text.split("\n")[0] for text in graph.texts] == [
        "x", "v1 = x*x", "v2 = sin(x)", "v3 = v2*3", "v4 = v1 + v3",
    ]  # fmt: skip
    assert graph.texts[0].split("\n")[1:] == ["value 2", f"adjoint {4 + 3 * np.cos(2):.6g}"]


def test_kinks_are_found_of_parts_that_vary_alone() -> None:
    kinks = find_kinks(parse("abs(x) + abs(0) + sqrt(y) + max(x, y)"), {"x": 0.0, "y": 1.0})
    assert [(spell(part), reason) for part, reason in kinks] == [("abs(x)", "has a kink")]

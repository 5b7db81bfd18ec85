"""One function differentiated by every way side by side: x² y + y + 2 at (3, 4).

By hand the value is 42, the gradient (24, 10) and the Hessian [[8, 6], [6, 0]], the example of
Géron's appendix on automatic differentiation (2nd edition, appendix D). Symbols, dual numbers,
hyper-dual numbers, the tape and JAX give exactly that; a complex step does to rounding; differences
are off by what their step leaves out (`--step`). `largest_error` is that of any way that is exact.
The report has all ways in one table, the steps of a forward and of a reverse pass with their
tangents and adjoints, and these steps as a graph.

Run: python launch.py run autodiff/chapter_function
Expected: largest_error 0; forward_difference/x 24.0004, forward_difference/y 10.0000
Time: 3 s
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import numpy as np

from research.autodiff import differences, hyper_dual, jacobians, symbolic
from research.autodiff.expressions import parse
from research.autodiff.forward import jvp
from research.autodiff.operations import Value
from research.autodiff.reverse import value_and_grad
from research.autodiff.simplification import simplify
from research.autodiff.spelling import spell
from research.autodiff.step_tables import as_graph, name_steps, spell_steps
from research.autodiff.steps import Step, forward_steps, reverse_steps
from research.autodiff.symbolic_rules import differentiate
from research.engine.artifacts import Passages
from research.options.ranges import STATIC, Range
from research.study import Findings, Study, spell_table

TEXT = "x**2*y + y + 2"
AT = (3.0, 4.0)
EXACT = (42.0, 24.0, 10.0, 8.0, 6.0, 0.0)
NAMES = ("value", "x", "y", "xx", "xy", "yy")
INEXACT = ("forward difference", "central difference", "complex step")


def f(x: Value, y: Value) -> Value:
    """x² y + y + 2, in four steps."""
    return x * x * y + y + 2


def of_vector(x: Value) -> Value:
    """The same, of one array of two."""
    return f(x[0], x[1])


@dataclass(frozen=True)
class ChapterFunction(Study):
    """Options."""

    step: Annotated[float, "the step of both differences", Range(1e-9, 1), STATIC] = 1e-4

    @property
    def headline(self) -> str:
        """Of what is exact."""
        return "largest_error"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Value, gradient and Hessian by each way."""
        del drawn, data
        found = by_each_way(self.step)
        exact = [numbers for way, numbers in found.items() if way not in INEXACT]
        forward = found["forward difference"]
        figures = {
            **dict(zip(NAMES, found["tape"], strict=True)),
            "forward_difference/x": forward[1],
            "forward_difference/y": forward[2],
            "complex_step/x": found["complex step"][1],
            "complex_step/y": found["complex step"][2],
            "largest_error": max(map(_error, exact)),
        }
        rows = [(way, *numbers) for way, numbers in found.items()]
        table = spell_table(("way", "f", "df/dx", "df/dy", "d²f/dx²", "d²f/dxdy", "d²f/dy²"), rows)
        ways = Passages(
            f"{TEXT} at (3, 4)",
            (table, "\n".join(formulas())),
            ("every way", "as formulas"),
            f"Differences by a step of {self.step:g}; JAX in float64.",
        )
        graph = as_graph(
            reverse_steps(f, AT),
            tuple("xy"),
            "The same as a graph",
            "Adjoints go from below to above.",
        )
        return Findings(figures, {"ways": ways, "steps": show_steps(), "graph": graph})


def by_each_way(step: float) -> dict[str, tuple[float, ...]]:
    """Way -> the numbers of `NAMES`."""
    expression, at = parse(TEXT), dict(zip("xy", AT, strict=True))
    first = {name: differentiate(expression, name) for name in "xy"}
    second = [differentiate(first[a], b) for a, b in ("xx", "xy", "yy")]
    wanted = (expression, *first.values(), *second)
    values = symbolic.evaluate_nodes(wanted, at)
    units = np.eye(2)
    found = {"symbols": tuple(float(values[each]) for each in wanted)}

    def difference(method: differences.Method, step: float | None) -> tuple[float, ...]:
        gradient = differences.gradient(of_vector, AT, method, step)
        return _numbers(f(*AT), gradient, differences.hessian(of_vector, AT, method, step))

    found["forward difference"] = difference("forward", step)
    found["central difference"] = difference("central", step)
    found["complex step"] = difference("complex", None)

    def along(v: np.ndarray, x: Value) -> Value:
        return jvp(of_vector, (x,), (v,))[1]

    value, _ = jvp(of_vector, (np.array(AT),), (units[0],))
    gradient = [along(u, np.array(AT)) for u in units]
    nested = [[jvp(lambda x, u=u: along(u, x), (np.array(AT),), (v,))[1] for v in units]
              for u in units]  # fmt: skip
    found["dual numbers"] = _numbers(value, gradient, nested)
    value, gradient = value_and_grad(f, (0, 1))(*AT)
    found["tape"] = _numbers(value, gradient, jacobians.hessian(of_vector)(AT))
    value, by_x, by_y, _ = hyper_dual.second_derivatives(of_vector, np.array(AT), *units)
    found["hyper-dual"] = _numbers(value, (by_x, by_y), hyper_dual.hessian(of_vector)(AT))
    with jax.enable_x64(True):
        (value, gradient), second = jax.jit(_by_jax)(*AT)
        found["JAX"] = _numbers(value, gradient, second)
    return found


def _by_jax(x: jax.Array, y: jax.Array) -> Any:
    return jax.value_and_grad(f, (0, 1))(x, y), jax.hessian(f, (0, 1))(x, y)


def formulas() -> list[str]:
    """The derivatives as the rules of calculus give them, simplified."""
    lines = [f"f = {TEXT}"]
    for name in "xy":
        lines.append(f"df/d{name} = {spell(simplify(differentiate(parse(TEXT), name)))}")
    return lines


def show_steps() -> Passages:
    """The steps of two passes: by x forward, and by both in reverse."""
    forward = forward_steps(f, AT, (1.0, 0.0))
    backward = reverse_steps(f, AT)
    return Passages(
        "The steps of both passes",
        (_spell_steps(forward, "tangent"), _spell_steps(backward, "adjoint")),
        ("forward, by x: read from the first to the last",
         "reverse, by x and y at once: values to the last, then adjoints back to the first"),
    )  # fmt: skip


def _spell_steps(steps: Sequence[Step], name: str) -> str:
    called = name_steps(steps, "xy")
    rows = [
        (each, text or "given", float(step.value), float(step.derivative))
        for each, text, step in zip(called, spell_steps(steps, called), steps, strict=True)
    ]
    return spell_table(("", "step", "value", name), rows)


def _numbers(value: Any, gradient: Any, hessian: Any) -> tuple[float, ...]:
    (xx, xy), (_, yy) = hessian
    return tuple(map(float, (value, *gradient, xx, xy, yy)))


def _error(numbers: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(numbers, EXACT, strict=True))


config = ChapterFunction()

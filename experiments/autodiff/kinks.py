"""What each way of differentiation says where there is no derivative, and how nesting goes wrong.

At 0, |x| and max have a kink, √x a pole, and `where` two sides of which one was not chosen. No way
is wrong there, but they do not say the same: a forward difference sees the right side alone, a
central one the mean of both, and so do all modes of Encore, at |x| and max; JAX takes the right
side of |x|, and finds no derivative of x⁰. In reverse mode a pole on the side of a `where` that was
not chosen gives nan, in JAX as here; to choose the argument, too, helps. The report has the table.

Perturbation confusion (Siskind and Pearlmutter 2005): d/dx (x · d/dy (x + y)) is 1. Dual numbers
that know only one ε give 2 (`one_epsilon`), those of a level for each derivative 1 (`nested`).

Run: python launch.py run autodiff/kinks
Expected: nested 1, one_epsilon 2; unlike_jax 2
Time: 1 s
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.autodiff import differences, symbolic
from research.autodiff import functions as fn
from research.autodiff.expressions import parse
from research.autodiff.forward import Dual, derivative
from research.autodiff.hyper_dual import second_derivatives
from research.autodiff.operations import Value
from research.autodiff.reverse import grad
from research.autodiff.symbolic_rules import differentiate
from research.engine.artifacts import Passages
from research.study import Findings, Study, spell_table

Written = Callable[[Any, Any], Any]
"""(library, x) -> a function's value: written once, for NumPy, for Encore's modes, and for JAX."""


class Kink(NamedTuple):
    """A function with a kink or a pole at 0.

    Attributes:
        text: as an expression that can be differentiated by rules.
        f: the same, of the words of a library.
    """

    text: str
    f: Written


KINKS: Mapping[str, Kink] = {
    "abs": Kink("abs(x)", lambda lib, x: lib.abs(x)),
    "max": Kink("max(x, 0)", lambda lib, x: lib.maximum(x, 0.0)),
    "square under root": Kink("sqrt(x*x)", lambda lib, x: lib.sqrt(x * x)),
    "sqrt": Kink("sqrt(x)", lambda lib, x: lib.sqrt(x)),
    "where, a step": Kink("where(x>0, x, 2*x)", lambda lib, x: lib.where(x > 0, x, 2 * x)),
    "where, a pole": Kink(
        "where(x>0, sqrt(x), 0)", lambda lib, x: lib.where(x > 0, lib.sqrt(x), 0.0 * x)
    ),
    "where, inside too": Kink(
        "where(x>0, sqrt(where(x>0, x, 1)), 0)",
        lambda lib, x: lib.where(x > 0, lib.sqrt(lib.where(x > 0, x, 1.0)), 0.0 * x),
    ),
    "x to the 0": Kink("x**0", lambda lib, x: x**0.0),
}
WAYS = ("symbols", "forward Δ", "central Δ", "duals", "tape", "hyper-dual")


@dataclass(frozen=True)
class Kinks(Study):
    """Options: there are none."""

    @property
    def headline(self) -> str:
        """The derivative of perturbations that are kept apart."""
        return "nested"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Derivatives at 0, and of the nested example."""
        del drawn, data
        found = {name: at_zero(kink) for name, kink in KINKS.items()}
        unlike = [name for name, by in found.items() if not _equal(by["tape"], by["JAX"])]
        figures = {
            "nested": nested_example(derivative),
            "one_epsilon": nested_example(derivative_of_one_epsilon),
            "unlike_jax": float(len(unlike)),
            "abs/reverse": found["abs"]["tape"],
            "abs/jax": found["abs"]["JAX"],
            "max/reverse": found["max"]["tape"],
            "max/jax": found["max"]["JAX"],
        }
        ways = (*WAYS, "JAX")
        rows = [(KINKS[name].text, *(by[way] for way in ways)) for name, by in found.items()]
        table = Passages(
            "Derivatives at 0",
            (spell_table(("function", *ways), rows),),
            note=f"JAX and reverse mode differ in: {', '.join(unlike)}. Δ: "
            "differences by a step of 2⁻²⁰.",
        )
        confusion = Passages(
            "d/dx (x · d/dy (x + y)) at x = y = 1",
            (f"{figures['one_epsilon']:g}", f"{figures['nested']:g}"),
            ("one ε for both: the inner derivative sees the outer's, too", "one ε for each"),
        )
        return Findings(figures, {"kinks": table, "confusion": confusion})


def at_zero(kink: Kink) -> dict[str, float]:
    """Way -> the derivative at 0 that it gives; NaN where it gives none."""
    step = 2.0**-20
    with np.errstate(divide="ignore", invalid="ignore"):
        by_rules = symbolic.evaluate(differentiate(parse(kink.text), "x"), {"x": 0.0})

        def in_numpy(x: Any) -> Any:
            return kink.f(np, x)

        def of(x: Value) -> Value:
            return kink.f(fn, x)

        found = {
            "symbols": by_rules,
            "forward Δ": differences.gradient(in_numpy, 0.0, "forward", step),
            "central Δ": differences.gradient(in_numpy, 0.0, "central", step),
            "duals": derivative(of)(0.0),
            "tape": grad(of)(0.0),
            "hyper-dual": second_derivatives(of, 0.0, 1.0, 1.0)[1],
        }
    with jax.enable_x64(True):
        found["JAX"] = jax.grad(lambda x: kink.f(jnp, x))(0.0)
    return {way: float(value) + 0.0 for way, value in found.items()}


def nested_example(take: Callable[[Callable[[Value], Value]], Callable[[Value], Value]]) -> float:
    """d/dx (x · d/dy (x + y)) at x = y = 1, whose inner derivative is 1."""
    return float(take(lambda x: x * take(lambda y: x + y)(1.0))(1.0))


def derivative_of_one_epsilon(f: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """A derivative by dual numbers whose ε is the same in every derivative: wrong when nested."""
    return lambda x: f(Dual(0, x, 1.0)).tangent


def _equal(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


config = Kinks()

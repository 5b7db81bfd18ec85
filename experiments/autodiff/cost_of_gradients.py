"""What a derivative costs in operations, by the number of inputs and of outputs.

Every addition, product and function of one number is counted on a tape, for the function and for
its derivative, so nothing hangs on the machine. A gradient by reverse mode takes at most 5 times
the operations of the function however many inputs there are (Griewank and Walther 2008, section
3.4; Kakade and Lee 2018): `ratio/...` for each of several functions, the function itself included.
Forward mode takes a pass for each input and differences an evaluation; of a Jacobian reverse mode
takes a pass for each output. So forward mode is for few inputs, reverse mode for few outputs.
A lone quotient reaches the bound. x / x takes 6 (`of_itself`): its two rules divide each for
itself, and are added. And a product whose factors are taken one by one out of an array has no bound
at all (`indexed_product`): the cotangent of one entry becomes an array of them all.

Run: python launch.py run autodiff/cost_of_gradients
Expected: largest_ratio 5, of one quotient, and 3.52 of many; at 1,024 inputs differences
    take 1,025 times the function's operations, forward mode 2,944, reverse mode 2.75
Time: 1 s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Annotated, Any

import numpy as np

from research.autodiff import functions as fn
from research.autodiff.counting import count_operations
from research.autodiff.forward import jvp
from research.autodiff.operations import Value
from research.autodiff.reverse import vjp
from research.engine.artifacts import Lines
from research.options.ranges import Range
from research.study import Findings, Study

BOUND = 5
"""How many times the function a gradient takes at most."""
INPUTS = 16
"""Inputs of the function of many outputs."""


def rosenbrock(x: Value) -> Value:
    """Σ 100 (x_{i+1} - x_i²)² + (1 - x_i)² of a vector."""
    bend, rest = x[1:] - x[:-1] * x[:-1], 1 - x[:-1]
    return fn.sum(100 * bend * bend + rest * rest)


def product(*factors: Value) -> Value:
    """Speelpenning's example."""
    return reduce(mul, factors)


def cross_entropy(x: Value) -> Value:
    """Of class 0, with logits x."""
    return fn.logsumexp(x) - x[0]


def net_of(x: Value) -> Value:
    """The loss of a net 64-16-10 on 32 random images, by its 1,210 parameters."""
    draw = np.random.default_rng(0)
    images, label = draw.random((32, 64)), np.eye(10)[draw.integers(10, size=32)]
    hidden = fn.tanh(images @ fn.reshape(x[:1024], (64, 16)) + x[1024:1040])
    logits = hidden @ fn.reshape(x[1040:1200], (16, 10)) + x[1200:]
    return fn.mean(fn.logsumexp(logits, axis=1) - fn.sum(logits * label, axis=1))


def recurrence(state: Value, weight: Value, bias: Value) -> Value:
    """tanh(w x + b) 50 times over, of one number each."""
    for _ in range(50):
        state = fn.tanh(weight * state + bias)
    return state


def vector(size: int) -> np.ndarray:
    """Where functions are differentiated."""
    return np.linspace(0.5, 1.5, size)


FUNCTIONS: Mapping[str, tuple[Callable[..., Value], tuple[Value, ...]]] = {
    "chapter": (lambda x, y: x * x * y + y + 2, (3.0, 4.0)),
    "product": (product, tuple(vector(100).tolist())),
    "recurrence": (recurrence, (0.5, 1.5, 0.1)),
    "quotient": (lambda x, y: x / y, (3.0, 4.0)),
    "quotients": (lambda x: fn.sum(x[1:] / x[:-1]), (vector(100),)),
    "rosenbrock": (rosenbrock, (vector(100),)),
    "cross_entropy": (cross_entropy, (vector(100),)),
    "net": (net_of, (vector(1210) - 1,)),
}
"""A function, and where it is differentiated."""


@dataclass(frozen=True)
class CostOfGradients(Study):
    """Options."""

    doublings: Annotated[
        int, "the largest number of inputs, and of outputs, is 2 to this power", Range(1, 14)
    ] = 10

    @property
    def headline(self) -> str:
        """A gradient's operations over the function's, of the dearest of the functions."""
        return "largest_ratio"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Counts of operations."""
        del drawn, data
        ratios = {f"ratio/{name}": ratio(f, *at) for name, (f, at) in FUNCTIONS.items()}
        sizes = [2**power for power in range(1, self.doublings + 1)]
        by_inputs = np.array([costs_by_inputs(size) for size in sizes], float).T
        by_outputs = np.array([costs_by_outputs(size) for size in sizes], float).T
        most = sizes[-1]
        figures = {
            "largest_ratio": max(ratios.values()),
            **ratios,
            "of_itself": ratio(lambda x: x / x, 3.0),
            "indexed_product": ratio(lambda x: product(*x), vector(100)),
        }
        for panel, name in ((by_inputs, "inputs"), (by_outputs, "outputs")):
            for way, cost in zip(("differences", "forward", "reverse"), panel[1:, -1], strict=True):
                figures[f"{most}_{name}/{way}"] = float(cost)
        lines = Lines(
            "Operations of a derivative over those of the function",
            np.log2(sizes),
            np.stack([by_inputs, by_outputs]),
            ("the bound of 5", "differences", "forward", "reverse"),
            "log₂ of the number",
            ("inputs, one output", f"outputs, {INPUTS} inputs"),
            "Counted, not timed. Left: the gradient of Rosenbrock's function; right: the Jacobian "
            "of tanh(W x).",
        )
        return Findings(figures, {"costs": lines})


def ratio(f: Callable[..., Value], *at: Value) -> float:
    """Operations of value and gradient over those of the value."""
    return count_operations(lambda c, *x: vjp(f, *x)[1](c), 1.0, *at) / count_operations(f, *at)


def costs_by_inputs(inputs: int) -> tuple[float, ...]:
    """The bound; by differences, forward, and reverse: over the function's operations."""
    return (BOUND, *_costs(rosenbrock, vector(inputs), 1.0))


def costs_by_outputs(outputs: int) -> tuple[float, ...]:
    """The same of a Jacobian `[outputs, INPUTS]`, without the bound, which is on gradients."""
    weights = np.random.default_rng(0).normal(size=(outputs, INPUTS)) / INPUTS
    x, cotangent = vector(INPUTS), np.ones(outputs)
    return (np.nan, *_costs(lambda x: fn.tanh(weights @ x), x, cotangent))


def _costs(f: Callable[[Value], Value], x: np.ndarray, cotangent: Value) -> tuple[float, ...]:
    """By forward differences, by a forward pass for each input, by a reverse one for each output.

    The value and its tape are computed once for all reverse passes.
    """
    alone = count_operations(f, x)
    forward = count_operations(lambda x, t: jvp(f, (x,), (t,)), x, np.ones_like(x))
    reverse = count_operations(lambda x, c: vjp(f, x)[1](c), x, cotangent) - alone
    outputs = np.size(cotangent)
    differences = (x.size + 1) * alone + 2 * x.size * outputs
    return differences / alone, x.size * forward / alone, 1 + outputs * reverse / alone


config = CostOfGradients()

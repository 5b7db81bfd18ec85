"""What tracing and compiling do, counted: traces, equations, compiled instructions, operations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend.core import jaxprs_in_params

_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?[\w.-]+ = \S+ ([\w-]+)\(", re.MULTILINE)
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast"}
"""Instructions that compute nothing."""
_CALLS = {"jit", "custom_jvp_call", "custom_vjp_call"}
"""Equations that are only the program within them."""


class Counted:
    """A function whose body counts its runs: within `jit` it runs once for each trace."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.runs = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the function gives."""
        self.runs += 1
        return self.function(*arguments, **named)


class Compiled(NamedTuple):
    """A function before and after compilation.

    Attributes:
        equations: operations as traced; without `jit` each is dispatched by itself.
        kernels: instructions that are left to run one after the other; what was fused is one.
        operations: floating-point operations by XLA's own count; 0 where it gives none.
        call: the compiled function.
    """

    equations: int
    kernels: int
    operations: float
    call: Callable[..., Any]


def compile_counted(function: Callable[..., Any], *arguments: Any) -> Compiled:
    """Traces and compiles a function for these arguments."""
    compiled = jax.jit(function).lower(*arguments).compile()
    cost = compiled.cost_analysis() or {}
    return Compiled(
        equations(function, *arguments),
        kernels(compiled.as_text() or ""),
        float(cost.get("flops", 0.0)),
        compiled,
    )


def equations(function: Callable[..., Any], *arguments: Any) -> int:
    """Equations of the traced program, those of programs within it included."""
    return _count(jax.make_jaxpr(function)(*arguments).jaxpr)


def _count(jaxpr: Any) -> int:
    inner = [each for equation in jaxpr.eqns for each in jaxprs_in_params(equation.params)]
    calls = sum(equation.primitive.name in _CALLS for equation in jaxpr.eqns)
    return len(jaxpr.eqns) - calls + sum(map(_count, inner))


def kernels(text: str) -> int:
    """Instructions of a compiled module's entry that compute something.

    `text` is the module as XLA prints it.
    """
    entry = text[text.index("ENTRY ") :]
    return sum(name not in _FREE for name in _INSTRUCTION.findall(entry))

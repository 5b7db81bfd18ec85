"""What one update costs: from the compiled program, and from its products counted by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax


class Cost(NamedTuple):
    """The cost of one compiled update.

    Attributes:
        flops: floating-point operations, as XLA counts them: the body of a loop once.
        bytes_accessed: bytes read and written between operations, counted the same way.
        product_flops: 2 x multiplications in matrix products and convolutions, with the body of a
            scan counted as often as it runs.
        loops: loops in the program whose length the count above does not know.
        memory: name -> bytes on the device: arguments, outputs, temporaries, code.
    """

    flops: float | None
    bytes_accessed: float | None
    product_flops: float
    loops: int
    memory: Mapping[str, int]


def cost_of(function: Any, *shapes: Any) -> Cost:
    """Compile `function` for arguments of these shapes, without running it, and read its cost."""
    compiled = jax.jit(function).lower(*shapes).compile()
    analysis = compiled.cost_analysis() or {}
    if isinstance(analysis, list):
        analysis = analysis[0] if analysis else {}
    product_flops, loops = product_cost(jax.make_jaxpr(function)(*shapes).jaxpr)
    return Cost(
        analysis.get("flops"),
        analysis.get("bytes accessed"),
        product_flops,
        loops,
        _memory(compiled.memory_analysis()),
    )


def _memory(analysis: Any) -> dict[str, int]:
    if analysis is None:
        return {}
    names = {
        "arguments": "argument_size_in_bytes",
        "outputs": "output_size_in_bytes",
        "temporaries": "temp_size_in_bytes",
        "program": "generated_code_size_in_bytes",
    }
    return {name: int(getattr(analysis, attribute, 0)) for name, attribute in names.items()}


def product_cost(jaxpr: Any) -> tuple[float, int]:
    """(2 x multiplications in products and convolutions, loops of unknown length counted once)."""
    flops, loops = 0.0, 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            flops += _dot_flops(equation)
        elif name == "conv_general_dilated":
            flops += _convolution_flops(equation)
        else:
            parts = [product_cost(inner) for inner in _inner(equation.params)]
            if name == "cond":
                flops += max((part for part, _ in parts), default=0.0)
            else:
                times = equation.params["length"] if name == "scan" else 1
                flops += times * sum(part for part, _ in parts)
            loops += sum(inner for _, inner in parts)
            loops += name == "while" and any(part for part, _ in parts)
    return flops, loops


def _inner(parameters: Mapping[str, Any]) -> Iterator[Any]:
    """The programs inside an equation."""
    for value in parameters.values():
        for part in value if isinstance(value, list | tuple) else (value,):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                yield inner


def _dot_flops(equation: Any) -> float:
    (contracting, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[i] for i in contracting)


def _convolution_flops(equation: Any) -> float:
    kernel = equation.invars[1].aval.shape
    output_features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    taps = math.prod(kernel) / max(output_features, 1)
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * taps

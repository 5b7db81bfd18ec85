"""What operations cost: floating-point operations and bytes, counted by formula from shapes.

The counts are those of XLA's own analysis for products, elementwise operations and reductions, but
that a function such as `exp` counts as one operation here and separately there, and that taps of a
convolution on its padding count here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_MOVES = """
all_gather bitcast bitcast_convert bitcast_convert_type broadcast broadcast_in_dim call
concatenate constant copy copy_p custom_call device_put dynamic_slice dynamic_update_slice
empty empty2 expand_dims gather get_tuple_element iota optimization_barrier pad parameter
partition_id random_bits random_fold_in random_seed random_split random_unwrap random_wrap
reshape rev reverse rng_bit_generator scatter select_and_scatter slice split squeeze stack
stop_gradient threefry2x32 transpose tuple
"""
MOVES = frozenset(_MOVES.split())
"""Operations of JAX and of XLA that move values, or draw bits, and calculate nothing."""
SLICES = frozenset(("slice", "dynamic_slice", "dynamic-slice", "gather"))
"""Operations that read of their first operand no more than they give."""
_REDUCTIONS = ("reduce", "argmax", "argmin")


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


def cost_of(traced: Any, compiled: Any) -> Cost:
    """The cost of a program, `jax.jit(f).trace(...)`, and of what it was compiled to."""
    analysis = analysis_of(compiled)
    product_flops, loops = product_cost(traced.jaxpr.jaxpr)
    return Cost(
        analysis.get("flops"),
        analysis.get("bytes accessed"),
        product_flops,
        loops,
        _memory(compiled.memory_analysis()),
    )


def analysis_of(program: Any) -> Mapping[str, float]:
    """XLA's own count of a program lowered or compiled; empty where it has none."""
    analysis = program.cost_analysis() or {}
    if isinstance(analysis, list):
        analysis = analysis[0] if analysis else {}
    return analysis


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
        if name in _PRODUCTS:
            flops += _PRODUCTS[name](equation)
        else:
            parts = [product_cost(inner) for _, inner in inner_programs(equation)]
            if name == "cond":
                flops += max((part for part, _ in parts), default=0.0)
            else:
                times = equation.params["length"] if name == "scan" else 1
                flops += times * sum(part for part, _ in parts)
            loops += sum(inner for _, inner in parts)
            loops += name == "while" and any(part for part, _ in parts)
    return flops, loops


def inner_programs(equation: Any) -> Iterator[tuple[str, Any]]:
    """The programs (jaxprs) inside an equation, each under the name of its parameter."""
    for key, value in equation.params.items():
        for part in value if isinstance(value, list | tuple) else (value,):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                yield key, inner


def flops_of(equation: Any) -> float:
    """Floating-point operations of an equation that has no program inside.

    Products and convolutions by their own formulas, one for each element of the result of anything
    elementwise, for each element but the first that a reduction takes in; 0 for what only moves.
    """
    name = equation.primitive.name
    if name in _PRODUCTS:
        return _PRODUCTS[name](equation)
    given, made = (
        math.prod(atoms[0].aval.shape) if atoms else 0
        for atoms in (equation.invars, equation.outvars)
    )
    if name == "integer_pow":
        power = abs(equation.params["y"])
        return float(made * max(0, power.bit_length() + power.bit_count() - 2))
    return operation_flops(name, given, made)


def operation_flops(name: str, given: int, made: int) -> float:
    """Of an operation that is no product, by its name in JAX or in XLA.

    Args:
        name: of the operation.
        given: elements of its first operand.
        made: elements of its result.
    """
    name = name.replace("-", "_")
    if name in MOVES:
        return 0.0
    if name.startswith(_REDUCTIONS):
        return float(max(0, given - made))
    return 4.0 * made if name == "logistic" else float(made)


def _dot_flops(equation: Any) -> float:
    (contracting, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[i] for i in contracting)


def _convolution_flops(equation: Any) -> float:
    kernel = equation.invars[1].aval.shape
    output_features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    taps = math.prod(kernel) / max(output_features, 1)
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * taps


_PRODUCTS = {"dot_general": _dot_flops, "conv_general_dilated": _convolution_flops}


def bytes_of(equation: Any) -> float:
    """Bytes that an equation reads and writes, if each of its operands lies in memory.

    Of a large array that is sliced, or changed at some places, the part that is touched.
    """
    name, read = (
        equation.primitive.name,
        list({id(atom): atom for atom in equation.invars}.values()),
    )
    written = equation.outvars
    if name in SLICES:
        read = [*written, *read[1:]]
    elif name == "dynamic_update_slice" and len(read) > 1:
        read, written = read[1:], read[1:2]
    return float(sum(size_of(atom.aval) for atom in (*read, *written)))


def size_of(aval: Any) -> int:
    """Bytes of an array of this shape and dtype; a key of random numbers is 4 words or so."""
    return math.prod(getattr(aval, "shape", ())) * getattr(
        getattr(aval, "dtype", None), "itemsize", 8
    )

"""Products, sums, extremes and orders along axes, as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn

from research.export.onnx_axes import Rule, padded, spread
from research.export.onnx_graph import Graph, NotInOnnx, Value, result_of


def _dot_general(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    (contracted, batched) = equation.params["dimension_numbers"]
    out = result_of(equation)
    if not np.issubdtype(out.dtype, np.floating):
        raise NotInOnnx("dot_general", graph.layer, f"its entries are {out.dtype}")
    left, right = (
        _arranged(graph, operand, batched[side], contracted[side], last=side == 0)
        for side, operand in enumerate(operands)
    )
    product = graph.node("MatMul", left.name, right.name)
    found = (*left.shape[:-1], right.shape[-1])
    return [product if found == out.shape else graph.reshape(product, out.shape)]


def _arranged(
    graph: Graph, x: Value, batched: Sequence[int], contracted: Sequence[int], *, last: bool
) -> Value:
    """A factor as a matrix `[*batched, free, contracted]`, or with these last two exchanged.

    The first factor keeps several free axes where only the last is contracted and none batched.
    """
    free = [axis for axis in range(len(x.shape)) if axis not in (*batched, *contracted)]
    order = [*batched, *([*free, *contracted] if last else [*contracted, *free])]
    turned = graph.name(graph.transpose(x, order))
    rows = [x.shape[axis] for axis in batched]
    outer = [x.shape[axis] for axis in free]
    inner = [x.shape[axis] for axis in contracted]
    if last and not batched and len(inner) == 1 and outer:
        shape = (*outer, *inner)
    else:
        pair = (_product(outer), _product(inner))
        shape = (*rows, *(pair if last else pair[::-1]))
    if shape != tuple(x.shape[axis] for axis in order):
        turned = graph.reshape(turned, shape)
    return Value(shape, x.dtype, turned)


def _product(sizes: Sequence[Any]) -> Any:
    result: Any = 1
    for size in sizes:
        result = size * result
    return result


def _convolution(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    params = equation.params
    image, kernel, out = params["dimension_numbers"]
    if params["batch_group_count"] != 1:
        raise NotInOnnx("conv_general_dilated", graph.layer, "it groups the batch")
    x, weights = operands
    zero = np.zeros((), x.dtype)
    x = Value(
        tuple(x.shape[axis] for axis in image), x.dtype, graph.name(graph.transpose(x, image))
    )
    for axis, step in enumerate(params["lhs_dilation"]):
        if step != 1:
            x = spread(graph, x, 2 + axis, step, zero)
    pads = params["padding"]
    if any(width < 0 for pair in pads for width in pair):
        x = Value((), x.dtype, padded(graph, x, [(0, 0), (0, 0), *pads], zero))
        pads = [(0, 0)] * len(pads)
    made = graph.node(
        "Conv",
        x.name,
        graph.transpose(weights, kernel),
        strides=params["window_strides"],
        pads=[low for low, _ in pads] + [high for _, high in pads],
        dilations=params["rhs_dilation"],
        group=params["feature_group_count"],
    )
    return [graph.name(graph.transpose(made, [out.index(axis) for axis in range(len(out))]))]


def _reduction(kind: str) -> Rule:
    def write(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
        x, axes = operands[0], equation.params["axes"]
        if not axes:
            return [graph.name(x)]
        if x.dtype != np.bool_:
            return [graph.node(kind, x, [*axes], keepdims=0)]
        counted = graph.node(kind, graph.cast(x, np.int32), [*axes], keepdims=0)
        return [graph.cast(counted, np.bool_)]

    return write


def _place(kind: str) -> Rule:
    def write(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
        (axis,), dtype = equation.params["axes"], equation.params["index_dtype"]
        x = operands[0]
        given = graph.cast(x, np.int32) if x.dtype == np.bool_ else x
        return [graph.cast(graph.node(kind, given, axis=axis, keepdims=0), dtype)]

    return write


def _cumsum(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    axis = np.asarray(equation.params["axis"], np.int64)
    return [graph.node("CumSum", operands[0], axis, reverse=int(equation.params["reverse"]))]


def _window(kind: str) -> Rule:
    """Pooling over all axes but the first and the last: images are `[batch, ..., channels]`."""

    def write(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
        params, x = equation.params, operands[0]
        sizes, steps = params["window_dimensions"], params["window_strides"]
        pads = params["padding"]
        around = {(sizes[axis], steps[axis], tuple(pads[axis])) for axis in (0, -1)}
        dilated = any(size != 1 for size in (*params["base_dilation"], *params["window_dilation"]))
        if len(sizes) < 3 or around != {(1, 1, (0, 0))} or dilated:
            raise NotInOnnx(equation.primitive.name, graph.layer, f"its windows are {sizes}")
        axes = len(sizes)
        options: dict[str, Any] = {
            "kernel_shape": sizes[1:-1],
            "strides": steps[1:-1],
            "pads": [low for low, _ in pads[1:-1]] + [high for _, high in pads[1:-1]],
        }
        if kind == "AveragePool":
            options["count_include_pad"] = 1
        turned = graph.transpose(x, [0, axes - 1, *range(1, axes - 1)])
        made = graph.node(kind, turned, **options)
        if kind == "AveragePool":
            made = graph.node("Mul", made, np.asarray(_product(sizes), x.dtype))
        return [graph.name(graph.transpose(made, [0, *range(2, axes), 1]))]

    return write


def _top_k(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    # As in JAX the first of equals comes first, but here -0 and 0 are equals, too.
    count, axis = equation.params["k"], equation.params.get("axis", -1)
    values, places = graph.outputs("TopK", [operands[0], [count]], 2, axis=axis)
    return [values, graph.cast(places, result_of(equation, 1).dtype)]


def _sort(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    axis = equation.params["dimension"]
    if equation.params["num_keys"] != 1:
        raise NotInOnnx("sort", graph.layer, "it sorts by several keys")
    first, *others = operands
    count = graph.sizes((first.shape[axis],))
    # Of equals the one that stands first comes first: the order is stable.
    ordered, places = graph.outputs("TopK", [first, count], 2, axis=axis, largest=0)
    return [ordered, *(graph.node("GatherElements", x, places, axis=axis) for x in others)]


RULES: dict[str, Rule] = {
    "dot_general": _dot_general,
    "conv_general_dilated": _convolution,
    "reduce_sum": _reduction("ReduceSum"),
    "reduce_max": _reduction("ReduceMax"),
    "reduce_min": _reduction("ReduceMin"),
    "reduce_prod": _reduction("ReduceProd"),
    "reduce_or": _reduction("ReduceMax"),
    "reduce_and": _reduction("ReduceMin"),
    "argmax": _place("ArgMax"),
    "argmin": _place("ArgMin"),
    "cumsum": _cumsum,
    "reduce_window_max": _window("MaxPool"),
    "reduce_window_sum": _window("AveragePool"),
    "top_k": _top_k,
    "sort": _sort,
}
"""Primitive's name -> what writes it."""

"""Operations that move entries about, as ONNX: shapes, axes, cuts and joints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn

from research.export.onnx_elementwise import repeat
from research.export.onnx_graph import Graph, Operand, Shape, Value, constant, result_of

Rule = Callable[[Graph, JaxprEqn, Sequence[Value]], Sequence[Value | str]]
"""(graph, the operation, its operands) -> its results."""

_LAST = np.iinfo(np.int64).max


def _reshape(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    x, order = operands[0], equation.params.get("dimensions")
    turned = x if order is None else graph.transpose(x, order)
    return [graph.reshape(turned, result_of(equation).shape)]


def _squeeze(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    return [graph.reshape(operands[0], result_of(equation).shape)]


def _broadcast_in_dim(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[Value]:
    (x,), shape = operands, tuple(equation.params["shape"])
    given = x if x.narrow is None else x.narrow
    sizes = (1,) * (len(x.shape) - len(given.shape)) + given.shape
    ones: list[Any] = [1] * len(shape)
    for size, place in zip(sizes, equation.params["broadcast_dimensions"], strict=True):
        ones[place] = size
    return [repeat(graph, _reshaped(graph, given, tuple(ones)), shape)]


def _reshaped(graph: Graph, x: Value, shape: Shape) -> Value:
    if x.shape == shape:
        return x
    if x.array is not None:
        return constant(np.reshape(x.array, shape))
    return Value(shape, x.dtype, graph.reshape(x, shape))


def _transpose(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    return [graph.name(graph.transpose(operands[0], equation.params["permutation"]))]


def _rev(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    axes = equation.params["dimensions"]
    backwards = [-1] * len(axes)
    return [graph.node("Slice", operands[0], backwards, [-_LAST] * len(axes), axes, backwards)]


def _concatenate(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    return [graph.node("Concat", *operands, axis=equation.params["dimension"])]


def _stack(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    axis = equation.params["axis"]
    apart = (graph.node("Unsqueeze", operand, [axis]) for operand in operands)
    return [graph.node("Concat", *apart, axis=axis)]


def _unstack(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    axis, count = equation.params["axis"], len(equation.outvars)
    parts = graph.outputs("Split", [operands[0], [1] * count], count, axis=axis)
    return [graph.node("Squeeze", part, [axis]) for part in parts]


def _tile(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    return [graph.node("Tile", operands[0], graph.sizes(equation.params["reps"]))]


def _slice(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    params, shape = equation.params, operands[0].shape
    steps = params["strides"] or (1,) * len(shape)
    parts = zip(params["start_indices"], params["limit_indices"], steps, strict=True)
    return [cut(graph, operands[0], [*parts])]


def cut(graph: Graph, x: Value, parts: Sequence[tuple[Any, Any, int]]) -> str:
    """The entries from a start to before a stop by steps, of each axis."""
    chosen = [
        (axis, *part)
        for axis, (part, size) in enumerate(zip(parts, x.shape, strict=True))
        if part != (0, size, 1)
    ]
    if not chosen:
        return graph.name(x)
    axes, starts, stops, steps = zip(*chosen, strict=True)
    return graph.node("Slice", x, graph.sizes(starts), graph.sizes(stops), axes, steps)


def _split(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    sizes = [int(size) for size in equation.params["sizes"]]
    axis = equation.params["axis"]
    if len(sizes) == 1:
        return [graph.name(operands[0])]
    return graph.outputs("Split", [operands[0], sizes], len(sizes), axis=axis)


def _pad(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    x, fill = operands
    widths = equation.params["padding_config"]
    for axis, (_, _, between) in enumerate(widths):
        if between:
            x = spread(graph, x, axis, between + 1, fill)
    return [padded(graph, x, [(low, high) for low, high, _ in widths], fill)]


def spread(graph: Graph, x: Value, axis: int, step: int, fill: Operand) -> Value:
    """The array with `step - 1` entries of a constant between any two along an axis."""
    size = x.shape[axis]
    apart = (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :])
    widths = [(0, step - 1 if place == axis + 1 else 0) for place in range(len(apart))]
    wide = padded(graph, Value(apart, x.dtype, graph.reshape(x, apart)), widths, fill)
    joined = (*x.shape[:axis], size * step, *x.shape[axis + 1 :])
    name = graph.reshape(wide, joined)
    kept = (*x.shape[:axis], size * step - (step - 1), *x.shape[axis + 1 :])
    parts = [(0, stop, 1) for stop in kept]
    return Value(kept, x.dtype, cut(graph, Value(joined, x.dtype, name), parts))


def padded(graph: Graph, x: Value, widths: Sequence[tuple[int, int]], fill: Operand) -> str:
    """The array with entries of a constant before and after each axis; cut where negative."""
    if any(width < 0 for pair in widths for width in pair):
        parts = [
            (max(0, -low), size - max(0, -high), 1)
            for size, (low, high) in zip(x.shape, widths, strict=True)
        ]
        shape = tuple(stop - start for start, stop, _ in parts)
        x = Value(shape, x.dtype, cut(graph, x, parts))
        widths = [(max(0, low), max(0, high)) for low, high in widths]
    if not any(map(any, widths)):
        return graph.name(x)
    around = [low for low, _ in widths] + [high for _, high in widths]
    return graph.node("Pad", x, around, fill)


def _iota(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[Value]:
    shape, axis = equation.params["shape"], equation.params["dimension"]
    dtype = np.dtype(equation.params["dtype"])
    (size,) = [shape[axis]]
    stop = graph.node("Squeeze", graph.sizes((size,)), [0])
    first, step = np.asarray(0, np.int64), np.asarray(1, np.int64)
    name = graph.cast(graph.node("Range", first, stop, step), dtype)
    ones = tuple(size if place == axis else 1 for place in range(len(shape)))
    return [repeat(graph, Value(ones, dtype, graph.reshape(name, ones)), shape)]


def _dim_as_value(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    size = graph.node("Squeeze", graph.sizes((equation.params["dim"],)), [0])
    return [graph.cast(size, result_of(equation).dtype)]


RULES: dict[str, Rule] = {
    "reshape": _reshape,
    "squeeze": _squeeze,
    "broadcast_in_dim": _broadcast_in_dim,
    "transpose": _transpose,
    "rev": _rev,
    "concatenate": _concatenate,
    "stack": _stack,
    "unstack": _unstack,
    "tile": _tile,
    "slice": _slice,
    "split": _split,
    "pad": _pad,
    "iota": _iota,
    "dim_as_value": _dim_as_value,
}
"""Primitive's name -> what writes it."""

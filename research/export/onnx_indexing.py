"""Reading and writing at places that the program computes, as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import JaxprEqn

from research.export.onnx_axes import Rule, cut
from research.export.onnx_graph import Graph, NotInOnnx, Operand, Shape, Value, result_of

_MODES = jax.lax.GatherScatterMode


def _gather(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    params, out = equation.params, result_of(equation)
    numbers, sizes = params["dimension_numbers"], params["slice_sizes"]
    x, indices = operands
    chosen, batched = [*numbers.start_index_map], [*numbers.operand_batching_dims]
    limits = [x.shape[axis] - sizes[axis] for axis in chosen]
    mode = _mode_of(indices, limits, params["mode"])
    if indices.array is not None and len(indices.shape) == 1 and mode == _MODES.PROMISE_IN_BOUNDS:
        # One part, at a place that is known.
        starts = dict(zip(chosen, map(int, indices.array), strict=True))
        parts = [(starts.get(k, 0), starts.get(k, 0) + size, 1) for k, size in enumerate(sizes)]
        return [graph.reshape(cut(graph, x, parts), out.shape)]
    rest = [axis for axis in range(len(x.shape)) if axis not in (*batched, *chosen)]
    if any(sizes[k] != 1 for k in chosen) or any(sizes[k] != x.shape[k] for k in rest):
        raise NotInOnnx(
            "gather", graph.layer, "its parts are neither one entry long nor a whole axis"
        )
    last = len(indices.shape) - 1
    outer = [*numbers.start_indices_batching_dims]
    places = [*outer, *(axis for axis in range(last) if axis not in outer)]
    index, inside = _index(graph, graph.transpose(indices, [*places, last]), limits, mode)
    source = graph.transpose(x, [*batched, *chosen, *rest])
    if not batched and len(chosen) == 1:
        found = graph.node("Gather", source, graph.node("Squeeze", index, [-1]), axis=0)
    else:
        found = graph.node("GatherND", source, index, batch_dims=len(batched))
    if inside is not None:
        ones = (*(indices.shape[axis] for axis in places), *[1] * len(rest))
        fill = _fill(x.dtype) if params["fill_value"] is None else params["fill_value"]
        found = graph.node("Where", graph.reshape(inside, ones), found, np.asarray(fill, x.dtype))
    # Axes of places are numbered from -1 downwards, those of parts as in the source.
    made = [*(~axis for axis in places), *rest]
    of_places = iter(range(last))
    of_parts = (
        k for k in range(len(x.shape)) if k not in (*numbers.collapsed_slice_dims, *batched)
    )
    wanted = [
        next(of_parts) if axis in numbers.offset_dims else ~next(of_places)
        for axis in range(len(out.shape))
    ]
    turned = graph.transpose(found, [made.index(axis) for axis in wanted if axis in made])
    return [graph.reshape(turned, out.shape) if len(made) < len(wanted) else graph.name(turned)]


def _fill(dtype: Any) -> Any:
    """What stands where an index points nowhere, as `lax.gather` has it."""
    if np.issubdtype(dtype, np.floating):
        return np.nan
    if dtype == np.bool_:
        return True
    limits = np.iinfo(dtype)
    return limits.max if limits.min == 0 else limits.min


def _mode_of(indices: Value, limits: Sequence[Any], mode: Any) -> Any:
    """How indices outside are treated; of known ones, none of which is, it does not matter."""
    if indices.array is None or not all(isinstance(limit, int) for limit in limits):
        return mode
    known = np.asarray(indices.array)
    inside = np.all((known >= 0) & (known <= np.asarray(limits)))
    return _MODES.PROMISE_IN_BOUNDS if inside else mode


def _index(
    graph: Graph, indices: Operand, limits: Sequence[Any], mode: Any
) -> tuple[str, str | None]:
    """Indices int64 `[..., axes]` inside the axes, and bool `[...]` where they were; or None."""
    index = graph.cast(indices, np.int64)
    if mode == _MODES.PROMISE_IN_BOUNDS:
        return index, None
    most = graph.sizes(tuple(limits))
    clipped = graph.node("Min", graph.node("Max", index, [0] * len(limits)), most)
    if mode == _MODES.CLIP:
        return clipped, None
    same = graph.cast(graph.node("Equal", index, clipped), np.int32)
    return clipped, graph.cast(graph.node("ReduceMin", same, [-1], keepdims=0), np.bool_)


def _scatter(reduction: str) -> Rule:
    def write(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
        params, name = equation.params, equation.primitive.name
        numbers = params["dimension_numbers"]
        x, indices, updates = operands
        chosen, windows = [*numbers.scatter_dims_to_operand_dims], [*numbers.update_window_dims]
        if numbers.operand_batching_dims:
            raise NotInOnnx(name, graph.layer, "each row has indices of its own")
        rest = [axis for axis in range(len(x.shape)) if axis not in chosen]
        # Axis of the array -> that of the updates.
        kept = [k for k in range(len(x.shape)) if k not in numbers.inserted_window_dims]
        axes = dict(zip(kept, windows, strict=True))
        if any(updates.shape[axes[k]] != 1 for k in chosen if k in axes) or any(
            updates.shape[axes[k]] != x.shape[k] for k in rest
        ):
            raise NotInOnnx(
                name, graph.layer, "its parts are neither one entry long nor a whole axis"
            )
        limits = [x.shape[axis] - 1 for axis in chosen]
        index, inside = _index(graph, indices, limits, _mode_of(indices, limits, params["mode"]))
        places = [axis for axis in range(len(updates.shape)) if axis not in windows]
        ones = [axes[axis] for axis in chosen if axis in axes]
        order = [*places, *ones, *(axes[axis] for axis in rest)]
        parts = graph.transpose(updates, order)
        if ones:
            kept_axes = (axis for axis in order if axis not in ones)
            parts = graph.reshape(parts, tuple(updates.shape[axis] for axis in kept_axes))
        source = graph.transpose(x, [*chosen, *rest])
        if inside is not None:
            # What lies outside is dropped: something that changes nothing stands for it.
            same: Operand = np.asarray(int(reduction == "mul"), x.dtype)
            if reduction == "none":
                if any(size != 1 for size in indices.shape[:-1]):
                    raise NotInOnnx(name, graph.layer, "several of its indices may lie outside")
                same = graph.node("GatherND", source, index)
            wide = graph.reshape(inside, (*indices.shape[:-1], *[1] * len(rest)))
            parts = graph.node("Where", wide, parts, same)
        made = graph.node("ScatterND", source, index, parts, reduction=reduction)
        return [graph.name(graph.transpose(made, np.argsort([*chosen, *rest]).tolist()))]

    return write


def _dynamic_slice(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    x, *starts = operands
    return [taken(graph, x, starts, equation.params["slice_sizes"])]


def taken(graph: Graph, x: Value, starts: Sequence[Value], sizes: Shape) -> str:
    """A part of an array from a start on each axis, moved inwards where it would reach beyond."""
    axes = [axis for axis, size in enumerate(sizes) if size != x.shape[axis]]
    if not axes:
        return graph.name(x)
    first = graph.node(
        "Concat", *(_start(graph, x, starts[axis], axis, sizes[axis]) for axis in axes), axis=0
    )
    stop = graph.node("Add", first, graph.sizes(tuple(sizes[axis] for axis in axes)))
    return graph.node("Slice", x, first, stop, axes)


def _start(graph: Graph, x: Value, start: Value, axis: int, size: Any) -> str:
    """The start on one axis, int64 `[1]`."""
    index = graph.reshape(graph.cast(start, np.int64), (1,))
    last = graph.sizes((x.shape[axis] - size,))
    return graph.node("Min", graph.node("Max", index, [0]), last)


def _dynamic_update_slice(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    x, update, *starts = operands
    return [_updated(graph, x, update, starts)]


def _updated(graph: Graph, x: Value, update: Value, starts: Sequence[Value]) -> str:
    """What stands before the update, the update, and what stands behind, axis by axis."""
    axes = [axis for axis, size in enumerate(update.shape) if size != x.shape[axis]]
    if not axes:
        return graph.name(update)
    axis, size = axes[0], update.shape[axes[0]]
    first = _start(graph, x, starts[axis], axis, size)
    stop = graph.node("Add", first, graph.sizes((size,)))
    if len(axes) > 1:
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        within = Value(shape, x.dtype, graph.node("Slice", x, first, stop, [axis]))
        update = update._replace(name=_updated(graph, within, update, starts), array=None)
    before = graph.node("Slice", x, [0], first, [axis])
    behind = graph.node("Slice", x, stop, [np.iinfo(np.int64).max], [axis])
    return graph.node("Concat", before, update, behind, axis=axis)


RULES: dict[str, Rule] = {
    "gather": _gather,
    "scatter": _scatter("none"),
    "scatter-add": _scatter("add"),
    "scatter-mul": _scatter("mul"),
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
}
"""Primitive's name -> what writes it."""

"""Reading and writing at places that the program computes, as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import JaxprEqn

from research.export.onnx_axes import Rule, cut
from research.export.onnx_graph import Graph, NotInOnnx, Shape, Value

_MODES = jax.lax.GatherScatterMode


def _gather(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    """Parts of an array, each one entry long along the axes that indices choose along."""
    params, out = equation.params, equation.outvars[0].aval
    numbers, sizes = params["dimension_numbers"], params["slice_sizes"]
    x, indices = operands
    whole = _whole(x.shape, sizes)
    chosen = [*numbers.start_index_map]
    if indices.array is not None and indices.array.ndim == 1 and not numbers.operand_batching_dims:
        starts = dict(zip(chosen, map(int, indices.array), strict=True))
        limits = [size - part for size, part in zip(x.shape, sizes, strict=True)]
        inside = {axis: _clipped(start, limits[axis]) for axis, start in starts.items()}
        if inside == starts or params["mode"] in (_MODES.CLIP, _MODES.PROMISE_IN_BOUNDS):
            parts = [
                (inside.get(axis, 0), inside.get(axis, 0) + size, 1)
                for axis, size in enumerate(sizes)
            ]
            return [graph.reshape(cut(graph, x, parts), out.shape)]
    for axis in chosen:
        if sizes[axis] != 1:
            raise NotInOnnx("gather", graph.layer, "it takes parts of several entries")
    batched = [*numbers.operand_batching_dims]
    rest = [axis for axis in range(len(x.shape)) if axis not in (*batched, *chosen)]
    if not all(whole[axis] for axis in rest):
        raise NotInOnnx("gather", graph.layer, "it takes a part of an axis without an index")
    count = len(indices.shape) - 1
    outer = [*numbers.start_indices_batching_dims]
    inner = [axis for axis in range(count) if axis not in outer]
    source = graph.transpose(x, [*batched, *chosen, *rest])
    places = Value(
        tuple(indices.shape[axis] for axis in (*outer, *inner, count)),
        indices.dtype,
        graph.name(graph.transpose(indices, [*outer, *inner, count])),
    )
    limits = [x.shape[axis] - 1 for axis in chosen]
    index, inside = _index(graph, places, limits, params["mode"])
    if not batched and len(chosen) == 1:
        # The same, and faster.
        flat = graph.node("Squeeze", index, [-1])
        found = graph.node("Gather", source, flat, axis=0)
    else:
        found = graph.node("GatherND", source, index, batch_dims=len(batched))
    # Of the result: first the axes of the places, then those of the parts.
    places_axes = [places.shape[k] for k in range(count)]
    shape = (*places_axes, *(x.shape[axis] for axis in rest))
    if inside is not None:
        fill = params["fill_value"]
        filled = _fill(x.dtype) if fill is None else fill
        ones = (*places_axes, *[1] * len(rest))
        found = _where(graph, graph.reshape(inside, ones), found, np.asarray(filled, x.dtype))
    # Where each of the parts' axes goes; those of one entry that were not dropped come back.
    parts_axes = [
        axis
        for axis in range(len(x.shape))
        if axis not in (*numbers.collapsed_slice_dims, *batched)
    ]
    offset = [*numbers.offset_dims]
    order: list[int] = []
    place_of = {axis: k for k, axis in enumerate((*outer, *inner))}
    places_left = iter(range(count))
    kept_sizes: list[Any] = []
    for position in range(len(out.shape)):
        if position in offset:
            axis = parts_axes[offset.index(position)]
            if axis in rest:
                order.append(count + rest.index(axis))
        else:
            order.append(place_of[next(places_left)])
    kept_sizes = [shape[k] for k in order]
    turned = graph.name(graph.transpose(found, order))
    return [turned if tuple(kept_sizes) == out.shape else graph.reshape(turned, out.shape)]


def _whole(shape: Shape, sizes: Shape) -> list[bool]:
    return [size == part for size, part in zip(shape, sizes, strict=True)]


def _clipped(start: int, limit: Any) -> int:
    return max(0, min(start, limit)) if isinstance(limit, int) else start


def _fill(dtype: Any) -> Any:
    """What stands where an index points nowhere, as `lax.gather` has it."""
    if np.issubdtype(dtype, np.floating):
        return np.nan
    if dtype == np.bool_:
        return True
    kind = np.iinfo(dtype)
    return kind.max if kind.min == 0 else kind.min


def _index(graph: Graph, places: Value, limits: Sequence[Any], mode: Any) -> tuple[str, str | None]:
    """Indices int64 `[..., axes]` within the axes, and bool `[..., 1]` where they were; or None."""
    if mode == _MODES.PROMISE_IN_BOUNDS:
        return graph.cast(places.name, np.int64), None
    index = graph.cast(places.name, np.int64)
    last = graph.sizes(tuple(limits))
    clipped = graph.node("Min", graph.node("Max", index, [0] * len(limits)), last)
    if mode == _MODES.CLIP:
        return clipped, None
    same = graph.cast(graph.node("Equal", index, clipped), np.int32)
    return clipped, graph.cast(graph.node("ReduceMin", same, [-1], keepdims=0), np.bool_)


def _where(graph: Graph, which: str, yes: str, no: np.ndarray | str) -> str:
    return graph.node("Where", which, yes, no)


def _scatter(reduction: str) -> Rule:
    def write(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
        """An array with parts, each one entry long along the axes of the indices, replaced."""
        params = equation.params
        numbers = params["dimension_numbers"]
        x, indices, updates = operands
        chosen = [*numbers.scatter_dims_to_operand_dims]
        name = equation.primitive.name
        if numbers.operand_batching_dims:
            raise NotInOnnx(name, graph.layer, "its indices are of each row")
        rest = [axis for axis in range(len(x.shape)) if axis not in chosen]
        windows = [*numbers.update_window_dims]
        kept = [k for k in range(len(x.shape)) if k not in numbers.inserted_window_dims]
        sizes = {axis: updates.shape[place] for axis, place in zip(kept, windows, strict=True)}
        if any(sizes.get(axis, 1) != 1 for axis in chosen) or any(
            sizes[axis] != x.shape[axis] for axis in rest
        ):
            raise NotInOnnx(name, graph.layer, "it writes parts of several entries")
        outer = [k for k in range(len(updates.shape)) if k not in windows]
        order = [*outer, *(windows[kept.index(axis)] for axis in rest)]
        shape = (*(updates.shape[k] for k in outer), *(x.shape[axis] for axis in rest))
        ones = [axis for axis in chosen if axis in kept]
        parts = graph.transpose(
            updates, [*outer, *(windows[kept.index(a)] for a in ones), *order[len(outer) :]]
        )
        if ones:
            parts = graph.reshape(parts, shape)
        limits = [x.shape[axis] - 1 for axis in chosen]
        places = indices._replace(name=graph.name(indices))
        index, inside = _index(graph, places, limits, _mode_of(indices, limits, params["mode"]))
        turned = graph.name(graph.transpose(x, [*chosen, *rest]))
        if inside is not None:
            # What lies outside is dropped: at the entry next to it stands what was there before.
            if len(indices.shape) > 1 and indices.shape[:-1] != (1,) * (len(indices.shape) - 1):
                raise NotInOnnx(name, graph.layer, "several of its indices may lie outside")
            before = graph.node("GatherND", turned, index)
            if reduction != "none":
                raise NotInOnnx(name, graph.layer, "its index may lie outside")
            axes = (*indices.shape[:-1], *[1] * len(rest))
            parts = graph.node("Where", graph.reshape(inside, axes), parts, before)
        made = graph.node("ScatterND", turned, index, parts, reduction=reduction)
        back = np.argsort([*chosen, *rest]).tolist()
        return [graph.name(graph.transpose(made, back))]

    return write


def _mode_of(indices: Value, limits: Sequence[Any], mode: Any) -> Any:
    """How indices outside are treated, of known ones that none is."""
    if indices.array is None or not all(isinstance(limit, int) for limit in limits):
        return mode
    known = np.asarray(indices.array)
    inside = (known >= 0) & (known <= np.asarray(limits))
    return _MODES.PROMISE_IN_BOUNDS if inside.all() else mode


def _dynamic_slice(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    x, *starts = operands
    return [taken(graph, x, starts, equation.params["slice_sizes"])]


def taken(graph: Graph, x: Value, starts: Sequence[Value], sizes: Shape) -> str:
    """A part of an array from a start on each axis, moved inwards where it would reach beyond."""
    axes = [k for k, whole in enumerate(_whole(x.shape, sizes)) if not whole]
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
    axes = [k for k, whole in enumerate(_whole(x.shape, update.shape)) if not whole]
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

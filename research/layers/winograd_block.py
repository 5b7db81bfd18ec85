"""A 3x3 convolution with bias and ReLU by Winograd's algorithm, with gradients of its own.

The forward pass keeps the transformed input and kernel, and both gradients are products of these
with the transformed gradient: nothing is transformed twice. The gradient of each transform is its
transpose, so the gradients are those of the algorithm itself.

Each pair of points is one matrix product. Each transform is two stages, one an axis, kept apart
(`stage`); fused they would be computed once for each product. XLA's CPU backend drops
`optimization_barrier` and fuses elementwise work into every consumer: a value with many consumers
is then computed many times, once in each. A branch on a predicate that the compiler cannot know is
a border that it does not fuse across.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from research.engine.groups import traced_once
from research.layers.convolution import Pads, outputs_of
from research.layers.winograd import (
    ONES,
    TAPS,
    Grid,
    Tiling,
    inputs_along,
    inputs_back,
    kernel_along,
    kernel_back,
    make_tiling,
    outputs_along,
    outputs_back,
)

Tree = TypeVar("Tree")


def opaque_true(x: jax.Array) -> jax.Array:
    """True, which the compiler does not know because it reads `x` to find out.

    Args:
        x: float32 `[...]`, not empty, computed or given at run time; any value will do, NaN too.

    Returns:
        Bool scalar, always true. Under `vmap` one scalar for all members, so that a branch on it
        stays a branch.
    """
    return _of_first(lax.stop_gradient(x[(0,) * x.ndim]).astype(jnp.float32))


@jax.custom_batching.custom_vmap
def _of_first(first: jax.Array) -> jax.Array:
    return (lax.bitcast_convert_type(first, jnp.int32) | 1) != 0


@_of_first.def_vmap
def _one_for_all(
    axis_size: int, in_batched: list[bool], first: jax.Array
) -> tuple[jax.Array, bool]:
    del axis_size
    return _of_first(first[0] if in_batched[0] else first), False


def stage(make: Callable[[], Tree], predicate: jax.Array) -> Tree:
    """The result of `make`, in memory of its own before anything is computed with it.

    All that `make` closes over is in memory before it begins. That holds on CPU; elsewhere it is a
    branch that costs a little.

    Args:
        make: computes a pytree of arrays.
        predicate: of `opaque_true`.
    """
    make = traced_once(make)
    shapes = jax.eval_shape(make)

    def nothing() -> Tree:
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    return lax.cond(predicate, make, nothing)


class _Kept(NamedTuple):
    """Residuals: transformed input and kernel, the output, the kernel's first value."""

    inputs: Grid
    kernel: Grid
    y: jax.Array
    probe: jax.Array


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def winograd_block(
    x: jax.Array, kernel: jax.Array, bias: jax.Array, pads: Pads, relu: bool
) -> jax.Array:
    """relu(convolve(x, kernel) + bias) by Winograd's algorithm, whatever it costs.

    `x` is `[batch, height, width, inputs]`, the kernel `[3, 3, inputs, outputs]`, the bias
    `[outputs]`; pads are zeros (above, below), (left, right), none negative.
    """
    return _forward(x, kernel, bias, pads, relu)[0]


@partial(traced_once, static=(3, 4))
def _forward(
    x: jax.Array, kernel: jax.Array, bias: jax.Array, pads: Pads, relu: bool
) -> tuple[jax.Array, _Kept]:
    batch, features = x.shape[0], kernel.shape[3]
    rows, columns = outputs_of(x.shape[1:3], kernel.shape[:2], (1, 1), pads)
    tilings = make_tiling(rows), make_tiling(columns)
    probe = kernel[:1, 0, 0, 0]
    apart = partial(stage, predicate=opaque_true(probe))

    values = _transformed_kernel(kernel, tilings, apart)
    inputs = _transformed_input(x, tilings, pads, apart)
    products = _products(inputs, values, ((1,), (0,)))

    shapes = _shapes(batch, features, tilings)
    by_rows = apart(
        lambda: [
            _flat(outputs_along(_shaped(row, shape), 3, tilings[1]))
            for row, shape in zip(products, shapes, strict=True)
        ]
    )

    def finish() -> jax.Array:
        width = tilings[1].periods * tilings[1].period
        shape = [(*row[0][:3], width, features) for row in shapes]
        y = outputs_along(_shaped(by_rows, shape), 1, tilings[0])[:, :rows, :columns] + bias
        return jnp.maximum(y, 0) if relu else y

    y = apart(finish)
    return y, _Kept(inputs, values, y, probe)


@partial(traced_once, static=(0, 1))
def _backward(
    pads: Pads, relu: bool, kept: _Kept, gradient: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    batch, rows, columns, _ = gradient.shape
    tilings = make_tiling(rows), make_tiling(columns)
    apart = partial(stage, predicate=opaque_true(kept.probe))

    if relu:
        gradient = jnp.where(kept.y > 0, gradient, 0)
    values = _transformed_gradient(gradient, tilings, apart)
    bias_gradient = jnp.sum(values[ONES][ONES], 0)

    products = _products(values, kept.kernel, ((1,), (1,)))
    channels = products[0][0].shape[1]
    size = rows - sum(pads[0]) + TAPS - 1, columns - sum(pads[1]) + TAPS - 1
    shapes = list(zip(*_shapes(batch, channels, tilings), strict=True))
    across = list(zip(*products, strict=True))
    by_columns = apart(
        lambda: [
            _flat(inputs_back(_shaped(column, shape), 1, tilings[0], pads[0][0], size[0]))
            for column, shape in zip(across, shapes, strict=True)
        ]
    )
    flat_shapes = [(batch, size[0], *column[0][3:]) for column in shapes]
    x_gradient = apart(
        lambda: inputs_back(_shaped(by_columns, flat_shapes), 2, tilings[1], pads[1][0], size[1])
    )

    # Eigen's product with a transposed left side takes twice as long as transposing it first.
    turned = apart(lambda: [[a.T for a in row] for row in kept.inputs])
    products = _products(turned, values, ((1,), (0,)))
    across = list(zip(*products, strict=True))
    by_points = apart(lambda: [kernel_back(column, tilings[0]) for column in across])
    kernel_gradient = apart(
        lambda: jnp.stack(
            [
                jnp.stack(kernel_back([column[a] for column in by_points], tilings[1]))
                for a in range(TAPS)
            ]
        )
    )
    return x_gradient, kernel_gradient, bias_gradient


def _transformed_kernel(kernel: jax.Array, tilings: tuple[Tiling, Tiling], apart: Any) -> Grid:
    """`[3, 3, inputs, outputs]` -> `[inputs, outputs]` for each pair of points."""
    by_rows = apart(
        lambda: [kernel_along([kernel[a, b] for a in range(TAPS)], tilings[0]) for b in range(TAPS)]
    )
    grid: Grid = apart(
        lambda: [
            kernel_along([column[p] for column in by_rows], tilings[1])
            for p in range(len(tilings[0].points))
        ]
    )
    return grid


def _transformed_input(
    x: jax.Array, tilings: tuple[Tiling, Tiling], pads: Pads, apart: Any
) -> Grid:
    """`[batch, height, width, inputs]` -> `[tiles, inputs]` for each pair of points."""
    widths = [
        (low, tiling.reach - low - size)
        for (low, _), tiling, size in zip(pads, tilings, x.shape[1:3], strict=True)
    ]
    padded = jnp.pad(x, ((0, 0), *widths, (0, 0)))
    return _both_axes(padded, tilings, apart, inputs_along)


def _transformed_gradient(gradient: jax.Array, tilings: tuple[Tiling, Tiling], apart: Any) -> Grid:
    """`[batch, rows, columns, outputs]` -> `[tiles, outputs]` for each pair of points."""
    widths = [
        (0, tiling.reach - TAPS + 1 - size)
        for tiling, size in zip(tilings, gradient.shape[1:3], strict=True)
    ]
    padded = jnp.pad(gradient, ((0, 0), *widths, (0, 0)))
    return _both_axes(padded, tilings, apart, outputs_back)


def _both_axes(x: jax.Array, tilings: tuple[Tiling, Tiling], apart: Any, along: Any) -> Grid:
    by_columns = apart(lambda: [_flat(a) for a in along(x, 2, tilings[1])])
    tiles = [len(tilings[1].at(point)) for point in tilings[1].points]
    shapes = [(*x.shape[:2], tilings[1].periods, count, x.shape[3]) for count in tiles]
    across = apart(
        lambda: [
            [_flat(a) for a in along(values, 1, tilings[0])]
            for values in _shaped(by_columns, shapes)
        ]
    )
    return [list(row) for row in zip(*across, strict=True)]


# What crosses the border of a stage is a matrix: the compiler chooses the layout of an array of
# more axes for each stage by itself, and copies where two stages chose differently.
def _flat(a: jax.Array) -> jax.Array:
    return a.reshape(-1, a.shape[-1])


def _shaped(arrays: Any, shapes: Any) -> list[jax.Array]:
    return [a.reshape(shape) for a, shape in zip(arrays, shapes, strict=True)]


def _products(a: Grid, b: Grid, contracted: tuple[tuple[int], tuple[int]]) -> Grid:
    # One product a pair of points, not a batched one: Eigen is called for each, on all threads.
    return [
        [lax.dot_general(*cells, (contracted, ((), ()))) for cells in zip(*rows, strict=True)]
        for rows in zip(a, b, strict=True)
    ]


def _shapes(
    batch: int, channels: int, tilings: tuple[Tiling, Tiling]
) -> list[list[tuple[int, ...]]]:
    """Of the products: batch, periods and tiles of the rows, of the columns, channels."""
    down, across = tilings
    return [
        [
            (batch, down.periods, len(down.at(p)), across.periods, len(across.at(q)), channels)
            for q in across.points
        ]
        for p in down.points
    ]


winograd_block.defvjp(_forward, _backward)

"""Winograd's convolution: the transforms between images and products of point values.

A 1-D filter of three taps that gives m outputs is a product of polynomials, and m + 2 values of
the product determine it: m + 2 multiplications instead of 3m. In two dimensions it is done along
both axes. With P points an axis, a convolution becomes P² matrix products over channels, and the
rest is sums.

Source: Winograd 1980, "Arithmetic Complexity of Computations", chapter V; Lavin and Gray 2016,
"Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), sections 3 and 4; for the
choice of points Barabasz et al. 2020 (arXiv 1803.10986): points that are each other's negative
reciprocals keep the error small.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

TAPS = 3
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-1, 2))
"""The finite points. A tile of m outputs uses the first m + 1 and infinity, so tiles of several
sizes share the transformed kernel."""
COUNT = len(POINTS) + 1
ONES = 1
"""The place of the point 1, at which a polynomial's value is the sum of its coefficients."""

Grid: TypeAlias = list[list[jax.Array]]
"""An array for each pair of points, rows first."""


class Tile(NamedTuple):
    """A run of outputs along one axis.

    Attributes:
        offset: its first output within the period.
        outputs: m.
        points: indices into POINTS; COUNT - 1 is infinity.
        to_outputs: float64 `[m, points]`, Aᵀ.
        from_inputs: float64 `[points, m + 2]`, Bᵀ.
    """

    offset: int
    outputs: int
    points: tuple[int, ...]
    to_outputs: np.ndarray
    from_inputs: np.ndarray


class Tiling(NamedTuple):
    """The cut of one axis: the same tiles again and again.

    Attributes:
        tiles: of one period, side by side.
        periods: how often they come; the last may reach beyond the outputs.
    """

    tiles: tuple[Tile, ...]
    periods: int

    @property
    def period(self) -> int:
        """Outputs in a period."""
        return sum(tile.outputs for tile in self.tiles)

    @property
    def reach(self) -> int:
        """Inputs that the tiles read, padding included."""
        return self.periods * self.period + TAPS - 1

    @property
    def products(self) -> int:
        """Multiplications along this axis, where the direct way needs three an output."""
        return self.periods * sum(len(tile.points) for tile in self.tiles)

    @property
    def points(self) -> tuple[int, ...]:
        """The points that any tile uses, in order."""
        return tuple(point for point in range(COUNT) if self.at(point))

    def at(self, point: int) -> list[Tile]:
        """The tiles that use a point, in order."""
        return [tile for tile in self.tiles if point in tile.points]


_CUTS = ((4,), (4, 3), (3,))


def make_tiling(outputs: int) -> Tiling:
    """The cheapest cut of an axis of that many outputs: 7 is 4 + 3, 14 the same twice."""
    tilings = [Tiling(tiles, -(-outputs // sum(cut))) for cut in _CUTS for tiles in [_tiles(cut)]]
    return min(tilings, key=lambda tiling: tiling.products)


@functools.cache
def _tiles(cut: tuple[int, ...]) -> tuple[Tile, ...]:
    offsets = np.cumsum([0, *cut])
    return tuple(_tile(int(offset), m) for offset, m in zip(offsets, cut, strict=False))


def _tile(offset: int, m: int) -> Tile:
    finite = POINTS[: m + 1]
    to_outputs = [[point**i for point in finite] + [Fraction(i == m - 1)] for i in range(m)]
    # Lagrange: the value at a point, over the product of its distances from the others.
    rows = []
    for j, point in enumerate(finite):
        others = [other for i, other in enumerate(finite) if i != j]
        distance = math.prod((point - other for other in others), start=Fraction(1))
        row = [c * _scale(j) / distance for c in _with_roots(others)]
        rows.append([*row, Fraction(0)])
    rows.append(_with_roots(finite))
    return Tile(
        offset,
        m,
        (*range(m + 1), COUNT - 1),
        np.array(to_outputs, np.float64),
        np.array(rows, np.float64),
    )


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [
            up - root * c for up, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)
        ]
    return coefficients


def _scale(point: int) -> Fraction:
    """A power of two near the kernel's gain at a point; it costs nothing and changes no bit."""
    gain = sum(abs(POINTS[point]) ** i for i in range(TAPS))
    return Fraction(2) ** round(math.log2(gain))


_FROM_KERNEL = np.array(
    [
        [
            POINTS[j] ** i / _scale(j) if j < COUNT - 1 else Fraction(i == TAPS - 1)
            for i in range(TAPS)
        ]
        for j in range(COUNT)
    ],
    np.float64,
)
"""G, `[points, taps]`."""


def combine(coefficients: Sequence[float] | np.ndarray, parts: Sequence[jax.Array]) -> jax.Array:
    """The sum of coefficient times part; parts of coefficient 0 are left out."""
    # In `lax`, for there are thousands of these, and `jnp` would take twice as long to trace them.
    terms = [
        part if c == 1 else lax.neg(part) if c == -1 else lax.mul(part, np.asarray(c, part.dtype))
        for c, part in zip(coefficients, parts, strict=True)
        if c != 0
    ]
    return functools.reduce(lax.add, terms)


def kernel_along(taps: Sequence[jax.Array], tiling: Tiling) -> list[jax.Array]:
    """Three taps -> their values at the tiling's points: G taps."""
    return [combine(_FROM_KERNEL[point], taps) for point in tiling.points]


def kernel_back(values: Sequence[jax.Array], tiling: Tiling) -> list[jax.Array]:
    """The transpose of `kernel_along`: values at the tiling's points -> three taps."""
    return [combine(column, values) for column in _FROM_KERNEL[list(tiling.points)].T]


def _windows(x: jax.Array, axis: int, tiling: Tiling, tile: Tile, width: int) -> list[jax.Array]:
    """The k-th value of a tile's window in each period, for each k below the width."""
    stop = (tiling.periods - 1) * tiling.period + 1
    return [
        lax.slice_in_dim(x, tile.offset + k, tile.offset + k + stop, tiling.period, axis)
        for k in range(width)
    ]


def _side_by_side(parts: Sequence[jax.Array], axis: int) -> jax.Array:
    return jnp.expand_dims(parts[0], axis) if len(parts) == 1 else jnp.stack(parts, axis)


def inputs_along(x: jax.Array, axis: int, tiling: Tiling) -> list[jax.Array]:
    """An axis of `tiling.reach` inputs -> for each point two axes, periods and tiles: Bᵀ x."""
    return [
        _side_by_side(
            [
                combine(
                    tile.from_inputs[tile.points.index(point)],
                    _windows(x, axis, tiling, tile, tile.outputs + TAPS - 1),
                )
                for tile in tiling.at(point)
            ],
            axis + 1,
        )
        for point in tiling.points
    ]


def outputs_back(y: jax.Array, axis: int, tiling: Tiling) -> list[jax.Array]:
    """The transpose of `outputs_along`: an axis of periods times period outputs -> A y."""
    return [
        _side_by_side(
            [
                combine(
                    tile.to_outputs[:, tile.points.index(point)],
                    _windows(y, axis, tiling, tile, tile.outputs),
                )
                for tile in tiling.at(point)
            ],
            axis + 1,
        )
        for point in tiling.points
    ]


def _of_tile(values: Sequence[jax.Array], axis: int, tiling: Tiling, tile: Tile) -> list[jax.Array]:
    """The values of one tile of the period, a point each, without the axis of tiles."""
    taken = []
    for point in tile.points:
        present = [other.offset for other in tiling.at(point)]
        part = values[tiling.points.index(point)]
        taken.append(lax.index_in_dim(part, present.index(tile.offset), axis + 1, keepdims=False))
    return taken


def _interleaved(places: Sequence[jax.Array], axis: int) -> jax.Array:
    stacked = jnp.stack(places, axis + 1)
    shape = stacked.shape
    return stacked.reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


def outputs_along(values: Sequence[jax.Array], axis: int, tiling: Tiling) -> jax.Array:
    """Axes of periods and tiles at `axis`, for each point -> one axis of outputs: Aᵀ values."""
    places = []
    for tile in tiling.tiles:
        mine = _of_tile(values, axis, tiling, tile)
        places += [combine(row, mine) for row in tile.to_outputs]
    return _interleaved(places, axis)


def inputs_back(
    values: Sequence[jax.Array], axis: int, tiling: Tiling, start: int, size: int
) -> jax.Array:
    """The transpose of `inputs_along`, B values, for inputs `start` to `start + size`.

    Windows overlap by two inputs: those belong to both tiles, and are summed.
    """
    period = tiling.period
    parts: list[list[jax.Array]] = [[] for _ in range(period + TAPS - 1)]
    for tile in tiling.tiles:
        mine = _of_tile(values, axis, tiling, tile)
        for k in range(tile.outputs + TAPS - 1):
            parts[tile.offset + k].append(combine(tile.from_inputs[:, k], mine))
    sums = [functools.reduce(jnp.add, part) for part in parts]
    # The last two inputs of a period's windows are the first two of the next period.
    tails = sums[period:]
    places = [_shifted(part, axis, 0) for part in sums[:period]]
    for r, tail in enumerate(tails):
        places[r] = places[r] + _shifted(tail, axis, 1)
    return lax.slice_in_dim(_interleaved(places, axis), start, start + size, axis=axis)


def _shifted(x: jax.Array, axis: int, by: int) -> jax.Array:
    widths = [(0, 0)] * x.ndim
    widths[axis] = (by, 1 - by)
    return jnp.pad(x, widths)

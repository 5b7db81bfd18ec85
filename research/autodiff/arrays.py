"""Operations on whole arrays, with their derivatives: sums, products of matrices, shapes, parts.

All are linear in each operand. So forward mode needs no rule of its own (a tangent takes its
operand's place), and reverse mode has the transpose.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from research.autodiff.elementwise import exp, log
from research.autodiff.operations import Operation, Rule, Value, apply, multilinear, strip

Axis = int | tuple[int, ...] | None
Shape = tuple[int, ...]


def _sum(x: Any, axis: Any, keepdims: Any) -> Any:
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


def _sum_to(x: Any, shape: Shape) -> Any:
    lead = np.ndim(x) - len(shape)
    spread = (i for i, n in enumerate(shape, lead) if n == 1 and x.shape[i] != 1)
    return np.add.reduce(x, axis=(*range(lead), *spread), keepdims=True).reshape(shape)[()]


def _spread(c: Value, _: Value, x: Value, axis: Axis, keepdims: bool) -> Value:
    """The transpose of a sum: the cotangent goes to every entry that was summed."""
    shape = np.shape(x)
    if not keepdims and axis is not None:
        axes = {a % len(shape) for a in np.atleast_1d(axis)}
        c = reshape(c, tuple(1 if i in axes else n for i, n in enumerate(shape)))
    elif keepdims and axis is None:
        c = reshape(c, ())
    return broadcast_to(c, shape)


def _put(x: Any, index: Any, shape: Shape) -> Any:
    whole = np.zeros(shape, np.asarray(x).dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(i, (int, slice, type(None), type(...))) for i in parts):
        whole[index] = x
    else:
        # An entry that was taken twice gets both.
        np.add.at(whole, index, x)
    return whole


def _last_two_swapped(x: Value) -> Value:
    axes = list(range(np.ndim(x)))
    axes[-2:] = axes[:-3:-1]
    return transpose(x, tuple(axes))


def _matmul_left(c: Value, _: Value, x: Value, y: Value) -> Value:
    """dL/dX = C Yᵀ, summed over what `x` was broadcast to."""
    if np.ndim(y) == 1:
        return c * y if np.ndim(x) == 1 else c[..., None] * y
    if np.ndim(x) == 1:
        return sum_to((c[..., None, :] @ _last_two_swapped(y))[..., 0, :], np.shape(x))
    return sum_to(c @ _last_two_swapped(y), np.shape(x))


def _matmul_right(c: Value, _: Value, x: Value, y: Value) -> Value:
    """dL/dY = Xᵀ C, summed over what `y` was broadcast to."""
    if np.ndim(x) == 1:
        return c * x if np.ndim(y) == 1 else x[:, None] * c[..., None, :]
    if np.ndim(y) == 1:
        return sum_to((_last_two_swapped(x) @ c[..., None])[..., 0], np.shape(y))
    return sum_to(_last_two_swapped(x) @ c, np.shape(y))


SUM = multilinear("sum", _sum, _spread)
BROADCAST_TO = multilinear(
    "broadcast_to", np.broadcast_to, lambda c, _, x, shape: sum_to(c, np.shape(x))
)
SUM_TO = multilinear("sum_to", _sum_to, lambda c, _, x, shape: broadcast_to(c, np.shape(x)))
RESHAPE = multilinear("reshape", np.reshape, lambda c, _, x, shape: reshape(c, np.shape(x)))
TRANSPOSE = multilinear(
    "transpose", np.transpose, lambda c, _, x, axes: transpose(c, tuple(np.argsort(axes)))
)
GETITEM = multilinear(
    "getitem", operator.getitem, lambda c, _, x, index: embed(c, index, np.shape(x))
)
EMBED = multilinear("embed", _put, lambda c, _, x, index, shape: c[index])
MATMUL = multilinear("matmul", operator.matmul, _matmul_left, _matmul_right)


def sum(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The sum over some axes, or over all."""
    return apply(SUM, x, axis, keepdims)


def mean(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The mean over some axes, or over all."""
    total = sum(x, axis, keepdims)
    return total * (np.size(strip(total)) / np.size(strip(x)))


def logsumexp(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The logarithm of Σ exp(x) over some axes, or over all, without overflow."""
    plain = strip(x)
    # Whatever is taken off and added again has no derivative.
    top = np.max(plain, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    result = log(sum(exp(x - top), axis, keepdims=True)) + top
    shape = np.shape(_sum(plain, axis, keepdims))
    return reshape(result, shape)


def reshape(x: Value, shape: int | Shape) -> Value:
    """The same entries in another shape; one length may be -1."""
    return apply(RESHAPE, x, shape)


def transpose(x: Value, axes: Shape | None = None) -> Value:
    """The axes in another order, reversed without one."""
    return apply(TRANSPOSE, x, tuple(range(np.ndim(x)))[::-1] if axes is None else axes)


def broadcast_to(x: Value, shape: Shape) -> Value:
    """Entries repeated until they have the shape, which is the transpose of `sum_to`."""
    return apply(BROADCAST_TO, x, shape)


def sum_to(x: Value, shape: Shape) -> Value:
    """Sums over what was repeated by `broadcast_to`; nothing where the shape is the same."""
    return x if np.shape(x) == shape else apply(SUM_TO, x, shape)


def embed(x: Value, index: Any, shape: Shape) -> Value:
    """Zeros of a shape with `x` added at an index, which is the transpose of x[index]."""
    return apply(EMBED, x, index, shape)


def matmul(x: Value, y: Value) -> Value:
    """The product x @ y of vectors, matrices or stacks of them, as NumPy has it."""
    return apply(MATMUL, x, y)


def concatenate(arrays: Sequence[Value], axis: int = 0) -> Value:
    """Arrays one after the other along an axis that they have."""
    shape = list(np.shape(arrays[0]))
    ends = np.cumsum([np.shape(x)[axis] for x in arrays]).tolist()
    shape[axis] = ends[-1]
    before = (slice(None),) * (axis % len(shape))
    parts = [(*before, slice(start, stop)) for start, stop in zip([0, *ends], ends, strict=False)]

    def put(part: tuple[slice, ...]) -> Rule:
        return lambda t, *_: embed(t, part, tuple(shape))

    def take(part: tuple[slice, ...]) -> Rule:
        return lambda c, *_: c[part]

    operation = Operation(
        "concatenate",
        lambda *xs: np.concatenate(xs, axis),
        tuple(put(part) for part in parts),
        tuple(take(part) for part in parts),
        linear=True,
    )
    return apply(operation, *arrays)


def stack(arrays: Sequence[Value], axis: int = 0) -> Value:
    """Arrays or numbers of one shape along a new axis."""
    shape = np.shape(arrays[0])
    place = axis % (len(shape) + 1)
    one = (*shape[:place], 1, *shape[place:])
    return concatenate([reshape(x, one) for x in arrays], place)

"""Operations that move, copy or add up numbers: all linear, each the transpose of another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from research.autodiff.miniature.program import Operation, Primitive, Type, Value, type_of
from research.autodiff.miniature.tracing import as_value, bind


def _linear(
    name: str,
    evaluate: Callable[..., Any],
    type_rule: Callable[..., Type],
    transpose: Callable[..., Value],
    batched: Callable[..., dict[str, Any]],
) -> Operation:
    """Of one input; `batched`: (size, **params) -> params with an axis 0 before all others."""

    def batch(size: int, inputs: Sequence[Value], which: Sequence[bool], **params: Any) -> Value:
        return bind(primitive, *inputs, **batched(size, **params))

    primitive = Primitive(
        name,
        evaluate,
        type_rule,
        lambda y, inputs, slopes, **params: bind(primitive, *slopes, **params),
        batch,
        lambda w, inputs, **params: [transpose(w, inputs[0].type, **params)],
    )
    return lambda x, **params: bind(primitive, as_value(x), **params)


def _after(axes: Iterable[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


_reduce_sum: Operation = _linear(
    "reduce_sum",
    lambda x, axes: np.sum(x, axis=axes),
    lambda x, axes: Type(tuple(n for i, n in enumerate(x.shape) if i not in axes), x.dtype),
    lambda w, x, axes: broadcast(w, x.shape, axes),
    lambda size, axes: {"axes": _after(axes)},
)
_broadcast: Operation = _linear(
    "broadcast",
    lambda x, shape, axes: np.broadcast_to(np.expand_dims(x, axes), shape),
    lambda x, shape, axes: Type(shape, x.dtype),
    lambda w, x, shape, axes: _reduce_sum(w, axes=axes),
    lambda size, shape, axes: {"shape": (size, *shape), "axes": _after(axes)},
)
_permute: Operation = _linear(
    "permute",
    lambda x, order: np.transpose(x, order),
    lambda x, order: Type(tuple(x.shape[i] for i in order), x.dtype),
    lambda w, x, order: permute(w, tuple(map(int, np.argsort(order)))),
    lambda size, order: {"order": (0, *_after(order))},
)
_reshape: Operation = _linear(
    "reshape",
    lambda x, shape: np.reshape(x, shape),
    lambda x, shape: Type(shape, x.dtype),
    lambda w, x, shape: reshape(w, x.shape),
    lambda size, shape: {"shape": (size, *shape)},
)


def reduce_sum(x: Any, axes: tuple[int, ...] | None = None) -> Value:
    """The sum over axes; over all without them."""
    count = len(type_of(x).shape)
    return _reduce_sum(
        x, axes=tuple(range(count)) if axes is None else tuple(i % count for i in axes)
    )


def broadcast(x: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Value:
    """Copies along new axes, which are those numbered `axes` of `shape`."""
    return _broadcast(x, shape=shape, axes=axes)


def permute(x: Any, order: tuple[int, ...]) -> Value:
    """Axes in another order, as `np.transpose`."""
    return _permute(x, order=order)


def reshape(x: Any, shape: tuple[int, ...]) -> Value:
    """The same numbers in another shape, without -1."""
    old = type_of(x).shape
    if math.prod(old) != math.prod(shape):
        raise ValueError(f"an array of shape {old} does not fill the shape {shape}")
    return as_value(x) if shape == old else _reshape(x, shape=shape)


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Value:
    """As `np.broadcast_to`: axes of length 1 are taken away, and copies made along new ones."""
    old = type_of(x).shape
    if old == shape:
        return as_value(x)
    padded = (1,) * (len(shape) - len(old)) + old
    axes = tuple(i for i, n in enumerate(padded) if i < len(shape) - len(old) or n != shape[i])
    return broadcast(
        reshape(x, tuple(n for i, n in enumerate(padded) if i not in axes)), shape, axes
    )


def spread(size: int, inputs: Sequence[Value], batched: Sequence[bool]) -> list[Value]:
    """Inputs with a first axis of `size` examples, those that had none copied along it."""
    pairs = zip(inputs, batched, strict=True)
    return [x if flag else broadcast(x, (size, *type_of(x).shape), (0,)) for x, flag in pairs]


def zeros(wanted: Type) -> np.ndarray:
    """Zeros of a type."""
    return np.zeros(wanted.shape, wanted.dtype)

"""Arithmetic of the miniature: each operation a primitive, with its rule for every interpreter."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from research.autodiff.miniature.axes import broadcast_to, permute, reshape, spread, zeros
from research.autodiff.miniature.program import (
    Operation,
    Primitive,
    Slopes,
    Type,
    Value,
    Variable,
    type_of,
)
from research.autodiff.miniature.tracing import Tracer, as_value, bind


def _sum(values: Iterable[Value]) -> Value:
    return functools.reduce(add, values)


# Element by element: of operands of one shape, to which NumPy's rules of broadcasting bring them.


def _elementwise(
    name: str,
    evaluate: Callable[..., Any],
    jvp: Callable[..., Value | None],
    transpose: Callable[..., Slopes] | None = None,
    type_rule: Callable[..., Type] = lambda *types, **params: types[-1],
) -> Operation:
    def batch(size: int, inputs: Sequence[Value], batched: Sequence[bool], **params: Any) -> Value:
        return bind(primitive, *spread(size, inputs, batched), **params)

    primitive = Primitive(name, evaluate, type_rule, jvp, batch, transpose)
    return lambda *inputs, **params: bind(primitive, *_matched(*inputs), **params)


def _matched(*inputs: Any) -> list[Value]:
    """Operands as arrays of one shape; numbers of Python's take the dtype of the others."""
    numbers = bool | int | float
    # A condition, of bools, has its dtype beside that of the two it chooses between.
    found = {type_of(x).dtype for x in inputs if not isinstance(x, numbers)} - {np.dtype(bool)}
    if len(found) > 1:
        names = " and ".join(sorted(map(str, found)))
        raise ValueError(f"operands have dtypes {names}: convert them to one first")
    dtype = next(iter(found), np.dtype(np.float64))
    values = [np.asarray(x, dtype) if isinstance(x, numbers) else as_value(x) for x in inputs]
    shape = np.broadcast_shapes(*(type_of(x).shape for x in values))
    return [broadcast_to(x, shape) for x in values]


def _by_factors(*factors: Callable[..., Value]) -> Callable[..., Value]:
    """The chain rule: tangents times partial derivatives, each (output, *inputs) -> factor."""

    def rule(y: Value, inputs: Sequence[Value], slopes: Slopes, **params: Any) -> Value:
        pairs = zip(factors, slopes, strict=True)
        return _sum(mul(factor(y, *inputs, **params), t) for factor, t in pairs if t is not None)

    return rule


def _by_unknown(
    left: Callable[..., Value], right: Callable[..., Value] | None
) -> Callable[..., Slopes]:
    """The transpose of an operation that is linear in either of two inputs, not in both at once."""

    def rule(w: Value, inputs: Sequence[Any]) -> Slopes:
        a, b = inputs
        if not isinstance(b, Variable):
            return [left(w, b), None]
        if right is None or isinstance(a, Variable):
            raise ValueError("a function that multiplies or divides by its input is not linear")
        return [None, right(a, w)]

    return rule


neg: Operation = _elementwise(
    "neg", np.negative, lambda y, inputs, slopes: neg(slopes[0]), lambda w, inputs: [neg(w)]
)
add: Operation = _elementwise(
    "add",
    np.add,
    lambda y, inputs, slopes: _sum(t for t in slopes if t is not None),
    lambda w, inputs: [w if isinstance(x, Variable) else None for x in inputs],
)
mul: Operation = _elementwise(
    "mul",
    np.multiply,
    _by_factors(lambda y, a, b: b, lambda y, a, b: a),
    _by_unknown(lambda w, b: mul(w, b), lambda a, w: mul(a, w)),
)
div: Operation = _elementwise(
    "div",
    np.divide,
    _by_factors(lambda y, a, b: div(1, b), lambda y, a, b: neg(div(y, b))),
    _by_unknown(lambda w, b: div(w, b), None),
)
exp: Operation = _elementwise("exp", np.exp, _by_factors(lambda y, x: y))
log: Operation = _elementwise("log", np.log, _by_factors(lambda y, x: div(1, x)))
log1p: Operation = _elementwise("log1p", np.log1p, _by_factors(lambda y, x: div(1, add(1, x))))
sin: Operation = _elementwise("sin", np.sin, _by_factors(lambda y, x: cos(x)))
cos: Operation = _elementwise("cos", np.cos, _by_factors(lambda y, x: neg(sin(x))))
tanh: Operation = _elementwise("tanh", np.tanh, _by_factors(lambda y, x: sub(1, mul(y, y))))
sqrt: Operation = _elementwise("sqrt", np.sqrt, _by_factors(lambda y, x: div(0.5, y)))
_power: Operation = _elementwise(
    "power",
    lambda x, exponent: np.power(x, exponent),
    _by_factors(lambda y, x, exponent: mul(exponent, power(x, exponent - 1))),
)
greater: Operation = _elementwise(
    "greater",
    np.greater,
    lambda y, inputs, slopes: None,
    type_rule=lambda a, b: Type(a.shape, np.dtype(bool)),
)
_select: Operation = _elementwise(
    "select",
    np.where,
    lambda y, inputs, slopes: _select(
        inputs[0], *(zeros(type_of(y)) if t is None else t for t in slopes[1:])
    ),
    lambda w, inputs: [
        None,
        where(inputs[0], w, 0) if isinstance(inputs[1], Variable) else None,
        where(inputs[0], 0, w) if isinstance(inputs[2], Variable) else None,
    ],
)


def sub(x: Any, y: Any) -> Value:
    """X - y."""
    return add(x, neg(as_value(y)) if isinstance(y, Tracer | np.ndarray) else -y)


def power(x: Any, exponent: float) -> Value:
    """X to the power of a number that is no input. The 0th is the constant 1, also at x = 0."""
    if not isinstance(exponent, int | float):
        raise ValueError("an exponent is a number; of an input write exp(exponent * log(x))")
    if exponent == 0:
        return np.ones_like(zeros(type_of(x)))
    return as_value(x) if exponent == 1 else _power(x, exponent=exponent)


def where(condition: Any, x: Any, y: Any) -> Value:
    """X where the condition is true, otherwise y."""
    return _select(condition, *_matched(x, y))


def maximum(x: Any, y: Any) -> Value:
    """The larger of two; where they are equal, y and its derivative."""
    return where(greater(x, y), x, y)


# Products of matrices


def _product_type(x: Type, y: Type) -> Type:
    return Type((*x.shape[:-1], y.shape[-1]), x.dtype)


def _turned(x: Value) -> Value:
    axes = range(len(type_of(x).shape))
    return permute(x, (*axes[:-2], axes[-1], axes[-2]))


def _product_jvp(y: Value, inputs: Sequence[Value], slopes: Slopes) -> Value:
    (a, b), (da, db) = inputs, slopes
    along = [] if da is None else [_matmul(da, b)]
    return _sum(along if db is None else [*along, _matmul(a, db)])


def _matmul(x: Value, y: Value) -> Value:
    return bind(_MATMUL, x, y)


_MATMUL = Primitive(
    "matmul",
    np.matmul,
    _product_type,
    _product_jvp,
    lambda size, inputs, batched: _matmul(*spread(size, inputs, batched)),
    _by_unknown(lambda w, b: _matmul(w, _turned(b)), lambda a, w: _matmul(_turned(a), w)),
)


def matmul(x: Any, y: Any) -> Value:
    """As `np.matmul`: a vector is a row on the left, a column on the right; batches broadcast."""
    left, right = type_of(x).shape, type_of(y).shape
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else 0]:
        raise ValueError(f"shapes {left} and {right} have no matrix product")
    rows = reshape(x, (1, *left)) if len(left) == 1 else as_value(x)
    columns = reshape(y, (*right, 1)) if len(right) == 1 else as_value(y)
    (*before, n, k), (*after, _, m) = type_of(rows).shape, type_of(columns).shape
    batch = np.broadcast_shapes(tuple(before), tuple(after))
    product = _matmul(broadcast_to(rows, (*batch, n, k)), broadcast_to(columns, (*batch, k, m)))
    shape = (*batch, *([n] if len(left) > 1 else []), *([m] if len(right) > 1 else []))
    return reshape(product, shape)


def _give_operators() -> None:
    """Tracers are given Python's operators here, where the operations are."""
    operators: dict[str, Callable[..., Value]] = {
        "add": add,
        "sub": sub,
        "mul": mul,
        "truediv": div,
        "matmul": matmul,
    }
    for name, operation in operators.items():
        setattr(Tracer, f"__{name}__", operation)
        setattr(Tracer, f"__r{name}__", functools.partialmethod(_swapped, operation=operation))
    others = {"neg": neg, "pow": power, "gt": greater, "lt": lambda x, y: greater(y, x)}
    for name, other in others.items():
        setattr(Tracer, f"__{name}__", other)


def _swapped(y: Value, x: Any, operation: Callable[..., Value]) -> Value:
    return operation(x, y)


_give_operators()

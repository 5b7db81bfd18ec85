"""Elementwise operations as ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn

from research.export.onnx_graph import Graph, NotInOnnx, Shape, Value, result_of

Compute = Callable[..., str]
"""(graph, operands, parameters of the operation) -> the name of the result."""

_SMALL = (np.dtype(np.int8), np.dtype(np.uint8), np.dtype(np.int16), np.dtype(np.uint16))
"""Dtypes that most runtimes can store and convert, but not calculate in."""


def elementwise(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[Value]:
    """An operation by entries, on operands that are not repeated along axes where need not be."""
    compute = _OPERATIONS[equation.primitive.name]
    out = result_of(equation)
    given = [operand if operand.narrow is None else operand.narrow for operand in operands]
    if any(operand.dtype in _SMALL for operand in given) and equation.primitive.name not in _MOVING:
        given = [Value(one.shape, np.dtype(np.int32), graph.cast(one, np.int32)) for one in given]
        result = graph.cast(compute(graph, given, **equation.params), out.dtype)
    else:
        result = compute(graph, given, **equation.params)
    shape = repeated_shape([one.shape for one in given])
    value = Value(shape, np.dtype(out.dtype), result)
    return [value if shape == out.shape else repeat(graph, value, out.shape)]


def repeated_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape that arrays have together, axes of 1 and missing ones being repeated."""
    longest = max(map(len, shapes))
    padded = [(1,) * (longest - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(
        next((size for size in sizes if not _is_one(size)), 1)
        for sizes in zip(*padded, strict=True)
    )


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


def repeat(graph: Graph, narrow: Value, shape: Shape) -> Value:
    """A value repeated along its axes of 1 to a shape."""
    if narrow.shape == tuple(shape):
        return narrow
    name = graph.node("Expand", narrow, graph.sizes(shape))
    return Value(tuple(shape), narrow.dtype, name, narrow=narrow)


def _plain(kind: str) -> Compute:
    return lambda graph, given, **_: graph.node(kind, *given)


def _scalar(value: float, like: Value) -> np.ndarray:
    return np.asarray(value, like.dtype)


def _by_dtype(of_bools: str, of_numbers: str) -> Compute:
    def compute(graph: Graph, given: Sequence[Value], **_: Any) -> str:
        return graph.node(of_bools if given[0].dtype == np.bool_ else of_numbers, *given)

    return compute


def _compare(kind: str) -> Compute:
    def compute(graph: Graph, given: Sequence[Value], **_: Any) -> str:
        if given[0].dtype == np.bool_ and kind != "Equal":
            return graph.node(kind, *(graph.cast(one, np.int32) for one in given))
        return graph.node(kind, *given)

    return compute


def _power(graph: Graph, given: Sequence[Value], y: int, **_: Any) -> str:
    (x,) = given
    if y == 2:
        return graph.node("Mul", x, x)
    if y == 3:
        return graph.node("Mul", graph.node("Mul", x, x), x)
    if y == -1:
        return graph.node("Reciprocal", x)
    return graph.node("Pow", x, _scalar(y, x))


def _remainder(graph: Graph, given: Sequence[Value], **_: Any) -> str:
    return graph.node("Mod", *given, fmod=1)


def _shift(direction: str) -> Compute:
    def compute(graph: Graph, given: Sequence[Value], **_: Any) -> str:
        if given[0].dtype.kind != "u":
            raise NotInOnnx("shift", graph.layer, "only numbers without a sign are shifted")
        return graph.node("BitShift", *given, direction=direction)

    return compute


def _log1p(graph: Graph, given: Sequence[Value], **_: Any) -> str:
    # log(u) x / (u - 1) with u = 1 + x is exact where u has lost the last digits of x (Kahan).
    (x,) = given
    one = _scalar(1, x)
    u = graph.node("Add", x, one)
    log = graph.node("Log", u)
    lost = graph.node("Sub", u, one)
    near = graph.node("Less", graph.node("Abs", x), _scalar(0.5, x))
    nothing = graph.node("Equal", lost, _scalar(0, x))
    mended = graph.node("Mul", log, graph.node("Div", x, lost))
    return graph.node("Where", nothing, x, graph.node("Where", near, mended, log))


def _expm1(graph: Graph, given: Sequence[Value], **_: Any) -> str:
    # tanh(x / 2) (exp(x) + 1), which is exact near 0.
    (x,) = given
    half = graph.node("Tanh", graph.node("Mul", x, _scalar(0.5, x)))
    return graph.node("Mul", half, graph.node("Add", graph.node("Exp", x), _scalar(1, x)))


def _round(graph: Graph, given: Sequence[Value], rounding_method: Any, **_: Any) -> str:
    (x,) = given
    if int(rounding_method) == 1:
        return graph.node("Round", x)
    up = graph.node("Floor", graph.node("Add", graph.node("Abs", x), _scalar(0.5, x)))
    return graph.node("Mul", graph.node("Sign", x), up)


def _clamp(graph: Graph, given: Sequence[Value], **_: Any) -> str:
    low, x, high = given
    return graph.node("Min", graph.node("Max", x, low), high)


def _select(graph: Graph, given: Sequence[Value], **_: Any) -> str:
    which, *cases = given
    if which.dtype != np.bool_:
        result = graph.name(cases[0])
        for number, case in enumerate(cases[1:], 1):
            chosen = graph.node("Equal", which, _scalar(number, which))
            result = graph.node("Where", chosen, case, result)
        return result
    if cases[0].dtype == np.bool_:
        yes = graph.node("And", which, cases[1])
        no = graph.node("And", graph.node("Not", which), cases[0])
        return graph.node("Or", yes, no)
    return graph.node("Where", which, cases[1], cases[0])


def _cast(graph: Graph, given: Sequence[Value], new_dtype: Any, **_: Any) -> str:
    (x,) = given
    if np.dtype(new_dtype) == x.dtype:
        return graph.name(x)
    if np.dtype(new_dtype).name == "bfloat16":
        raise NotInOnnx("convert_element_type", graph.layer, "few runtimes calculate in bfloat16")
    return graph.cast(x, new_dtype)


def _same(graph: Graph, given: Sequence[Value], **_: Any) -> str:
    return graph.name(given[0])


_OPERATIONS: dict[str, Compute] = {
    **{
        name: _plain(kind)
        for name, kind in {
            "neg": "Neg", "abs": "Abs", "sign": "Sign", "floor": "Floor", "ceil": "Ceil",
            "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "erf": "Erf", "logistic": "Sigmoid",
            "tanh": "Tanh", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh",
            "atanh": "Atanh", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin",
            "acos": "Acos", "atan": "Atan", "sub": "Sub", "div": "Div", "pow": "Pow",
        }.items()
    },
    "add": _by_dtype("Or", "Add"),
    "add_any": _by_dtype("Or", "Add"),
    "mul": _by_dtype("And", "Mul"),
    "max": _by_dtype("Or", "Max"),
    "min": _by_dtype("And", "Min"),
    "and": _by_dtype("And", "BitwiseAnd"),
    "or": _by_dtype("Or", "BitwiseOr"),
    "xor": _by_dtype("Xor", "BitwiseXor"),
    "not": _by_dtype("Not", "BitwiseNot"),
    "eq": _compare("Equal"),
    "ne": lambda graph, given, **_: graph.node("Not", _compare("Equal")(graph, given)),
    "lt": _compare("Less"),
    "le": _compare("LessOrEqual"),
    "gt": _compare("Greater"),
    "ge": _compare("GreaterOrEqual"),
    "square": lambda graph, given, **_: graph.node("Mul", given[0], given[0]),
    "integer_pow": _power,
    "rsqrt": lambda graph, given, **_: graph.node("Reciprocal", graph.node("Sqrt", given[0])),
    "exp2": lambda graph, given, **_: graph.node("Pow", _scalar(2, given[0]), given[0]),
    "erfc": lambda graph, given, **_: graph.node(
        "Sub", _scalar(1, given[0]), graph.node("Erf", given[0])
    ),
    "is_finite": lambda graph, given, **_: graph.node(
        "Less", graph.node("Abs", given[0]), _scalar(np.inf, given[0])
    ),
    "rem": _remainder,
    "shift_left": _shift("LEFT"),
    "shift_right_logical": _shift("RIGHT"),
    "log1p": _log1p,
    "expm1": _expm1,
    "round": _round,
    "clamp": _clamp,
    "select_n": _select,
    "convert_element_type": _cast,
    "copy": _same,
    "stop_gradient": _same,
}  # fmt: skip
_MOVING = {"convert_element_type", "copy", "stop_gradient"}
"""Operations that calculate nothing."""

RULES = dict.fromkeys(_OPERATIONS, elementwise)
"""Primitive's name -> what writes it."""

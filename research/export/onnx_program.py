"""A traced program, gone through operation by operation; loops and branches in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import onnx
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from research.export import onnx_axes, onnx_elementwise, onnx_indexing, onnx_products
from research.export.onnx_axes import Rule
from research.export.onnx_graph import (
    Graph,
    NotInOnnx,
    Shape,
    Value,
    constant,
    element_type,
    pruned,
)

FOLDED = 1 << 16
"""Entries of the largest array that is made once instead of at each run, beside what it is made of.

A weight in another shape is made once; ones in the shape of an image are not."""

_CALLS = {
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "composite": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vmap_call": "call",
    "checkpoint": "jaxpr",
}
"""Operations that are a program of their own, and where that stands in their parameters."""


def write_program(
    graph: Graph, jaxpr: Jaxpr, constants: Sequence[Value], arguments: Sequence[Value]
) -> list[Value]:
    """Write a program into a graph; what is not needed for its results is left out.

    Args:
        graph: that the nodes are added to.
        jaxpr: the program.
        constants: what it closes over, as `jaxpr.constvars` has them.
        arguments: as `jaxpr.invars` has them.

    Returns:
        Its results.

    Raises:
        NotInOnnx: for an operation that is not written.
    """
    known = dict(zip(jaxpr.constvars, constants, strict=True))
    known |= zip(jaxpr.invars, arguments, strict=True)

    def read(atom: Any) -> Value:
        if isinstance(atom, Literal):
            return constant(np.asarray(atom.val, _avals([atom])[0].dtype))
        return known[atom]

    for equation in _needed(jaxpr):
        operands = [read(atom) for atom in equation.invars]
        with graph.within(str(equation.source_info.name_stack)):
            made = _write(graph, equation, operands)
        known |= zip(equation.outvars, made, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def _needed(jaxpr: Jaxpr) -> list[JaxprEqn]:
    wanted = {atom for atom in jaxpr.outvars if not isinstance(atom, Literal)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if wanted.intersection(equation.outvars):
            kept.append(equation)
            wanted.update(atom for atom in equation.invars if not isinstance(atom, Literal))
    return kept[::-1]


def _write(graph: Graph, equation: JaxprEqn, operands: list[Value]) -> Sequence[Value]:
    name, params = equation.primitive.name, equation.params
    if name == "platform_index":
        # No platform is named here: the way that is written for any is taken.
        return [constant(np.int32(params["platforms"].index(None)))]
    if name == "optimization_barrier":
        return operands
    if name in _CALLS:
        return _inline(graph, params[_CALLS[name]], operands)
    if name == "cond" and operands[0].array is not None:
        branches = params["branches"]
        index = min(max(int(operands[0].array), 0), len(branches) - 1)
        return _inline(graph, branches[index], operands[1:])
    folded = _folded(equation, operands)
    if folded is not None:
        return folded
    if name not in _RULES:
        raise NotInOnnx(name, graph.layer)
    avals = _avals(equation.outvars)
    made = _RULES[name](graph, equation, operands)
    return [
        Value(tuple(aval.shape), aval.dtype, one) if isinstance(one, str) else one
        for one, aval in zip(made, avals, strict=True)
    ]


def _inline(graph: Graph, program: Any, operands: Sequence[Value]) -> list[Value]:
    """The results of a closed program, or of one that closes over nothing."""
    if isinstance(program, Jaxpr):
        return write_program(graph, program, (), operands)
    return write_program(graph, program.jaxpr, [*map(constant, program.consts)], operands)


def _folded(equation: JaxprEqn, operands: Sequence[Value]) -> list[Value] | None:
    """The results where all is known before the program runs, as JAX computes them; or None."""
    at_run_time = equation.primitive.name in ("dim_as_value", *_LOOPS)
    if at_run_time or any(operand.array is None for operand in operands):
        return None
    sizes = [_size(aval.shape) for aval in _avals(equation.outvars)]
    given = [_size(operand.shape) or 0 for operand in operands]
    if any(size is None or size > max(FOLDED, *given, 0) for size in sizes):
        return None
    made = equation.primitive.bind(*(operand.array for operand in operands), **equation.params)
    return [constant(one) for one in (made if equation.primitive.multiple_results else [made])]


def _avals(atoms: Sequence[Any]) -> list[Any]:
    return [atom.aval for atom in atoms]


def _size(shape: Shape) -> int | None:
    return int(np.prod(shape, dtype=int)) if all(isinstance(size, int) for size in shape) else None


def _body(
    graph: Graph,
    given: Sequence[Any],
    write: Callable[[Graph, list[Value]], Sequence[Value]],
) -> onnx.GraphProto:
    """The body of a loop, of what it is given by dtype and shape; or a branch, given nothing."""
    body = Graph(outer=graph)
    values = [
        Value(tuple(aval.shape), np.dtype(aval.dtype), body.new_name("given")) for aval in given
    ]
    made = write(body, values)
    # Each result has a name of its own, as what is handed on unchanged, or twice, has not.
    names = [body.node("Identity", value) for value in made]
    return onnx.helper.make_graph(
        pruned(body.nodes, names),
        body.new_name("body"),
        [value_info(value.name, value) for value in values],
        [value_info(name, value) for name, value in zip(names, made, strict=True)],
    )


def value_info(name: str, value: Value) -> onnx.ValueInfoProto:
    """The declaration of an input or an output, its sizes as far as ONNX can say them."""
    sizes = [size if isinstance(size, int) else str(size) for size in value.shape]
    return onnx.helper.make_tensor_value_info(name, element_type(value.dtype), sizes)


def _scan(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    params = equation.params
    program, carried = params["jaxpr"], params["num_carry"]
    consts, states, rows = _parted(operands, params["num_consts"], carried)
    avals = _avals(program.jaxpr.invars)
    _, of_states, of_rows = _parted(avals, params["num_consts"], carried)
    counter = not rows
    if counter:
        # ONNX's loop over rows takes its length from them.
        rows = [constant(np.arange(params["length"], dtype=np.int32))]
        of_rows = [jax.ShapeDtypeStruct((), np.int32)]

    def write(body: Graph, values: list[Value]) -> Sequence[Value]:
        inner = values[:-1] if counter else values
        return _inline(body, program, [*consts, *inner])

    results = len(equation.outvars) - carried
    backwards = int(params["reverse"])
    return graph.outputs(
        "Scan",
        [*states, *rows],
        len(equation.outvars),
        body=_body(graph, [*of_states, *of_rows], write),
        num_scan_inputs=len(rows),
        scan_input_directions=[backwards] * len(rows),
        **({"scan_output_directions": [backwards] * results} if results else {}),
    )


def _while(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    params = equation.params
    of_test, of_body, states = _parted(operands, params["cond_nconsts"], params["body_nconsts"])
    test, program = params["cond_jaxpr"], params["body_jaxpr"]
    scalar = jax.ShapeDtypeStruct((), np.int64), jax.ShapeDtypeStruct((), np.bool_)

    def write(body: Graph, values: list[Value]) -> Sequence[Value]:
        after = _inline(body, program, [*of_body, *values[2:]])
        return [*_inline(body, test, [*of_test, *after]), *after]

    (begin,) = _inline(graph, test, [*of_test, *states])
    avals = _avals(equation.outvars)
    return graph.outputs(
        "Loop",
        ["", begin, *states],
        len(avals),
        body=_body(graph, [*scalar, *avals], write),
    )


def _cond(graph: Graph, equation: JaxprEqn, operands: Sequence[Value]) -> list[str]:
    index, *given = operands
    return _branch(graph, index, [*equation.params["branches"]], given, len(equation.outvars))


def _branch(
    graph: Graph, index: Value, branches: list[Any], given: Sequence[Value], count: int
) -> list[str]:
    """The first branch where the index is 0 or less, else one of the others."""

    def first(body: Graph, _: list[Value]) -> Sequence[Value]:
        return _inline(body, branches[0], given)

    def others(body: Graph, _: list[Value]) -> Sequence[Value]:
        if len(branches) == 2:
            return _inline(body, branches[1], given)
        less = Value((), index.dtype, body.node("Sub", index, np.asarray(1, index.dtype)))
        names = _branch(body, less, branches[1:], given, count)
        avals = _avals(branches[0].jaxpr.outvars)
        return [Value(tuple(a.shape), a.dtype, n) for a, n in zip(avals, names, strict=True)]

    return graph.outputs(
        "If",
        [graph.node("LessOrEqual", index, np.asarray(0, index.dtype))],
        count,
        then_branch=_body(graph, (), first),
        else_branch=_body(graph, (), others),
    )


def _parted(
    values: Sequence[Any], first: int, second: int
) -> tuple[list[Any], list[Any], list[Any]]:
    return [*values[:first]], [*values[first : first + second]], [*values[first + second :]]


_LOOPS: dict[str, Rule] = {"scan": _scan, "while": _while, "cond": _cond}
_RULES: dict[str, Rule] = {
    **onnx_elementwise.RULES,
    **onnx_axes.RULES,
    **onnx_products.RULES,
    **onnx_indexing.RULES,
    **_LOOPS,
}

"""Probing: what comes out of each layer of a model, to name the first that differs.

A layer is what flax calls one, or, of a function that is no module, the line of Encore's source
that calculates. A loop is one layer: what happens within it is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

from research.export.stablehlo import Apply

_CALLS = ("jit", "pjit", "closed_call")


class _Value(NamedTuple):
    layer: str
    value: jax.Array


def make_probe(apply: Apply) -> Apply:
    """The model that gives what comes out of each layer.

    Its outputs are called by a number, ascending, and the layer: `0003 Dense_0 (models.py:41)`.
    They are the last float array of each, as far as its first axis is that of the batch.
    """

    def probe(inputs: Any) -> dict[str, jax.Array]:
        given = dict(inputs)
        traced = jax.make_jaxpr(apply)(given)
        batch = next(iter(given.values())).shape[0]
        flat = jax.tree.leaves(given)
        kept: list[_Value] = []
        for layer, value in _evaluate(traced.jaxpr, traced.consts, flat, "", []):
            if not jnp.issubdtype(value.dtype, jnp.floating):
                continue
            if not value.ndim or value.shape[0] != batch:
                continue
            if kept and kept[-1].layer == layer:
                kept.pop()
            kept.append(_Value(layer, value))
        return {f"{number:04d} {layer}": value for number, (layer, value) in enumerate(kept)}

    return probe


def _evaluate(
    jaxpr: core.Jaxpr, consts: Sequence[Any], given: Sequence[Any], above: str, results: list[Any]
) -> Iterator[_Value]:
    """Each value that a program calculates, in order; `results` is filled with what it returns."""
    values: dict[core.Var, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values |= dict(zip(jaxpr.invars, given, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for equation in jaxpr.eqns:
        arguments = [read(atom) for atom in equation.invars]
        scope = "/".join(part for part in (above, _scope(equation)) if part)
        if equation.primitive.name in _CALLS:
            inner = equation.params["jaxpr"]
            outputs: list[Any] = []
            yield from _evaluate(inner.jaxpr, inner.consts, arguments, scope, outputs)
        else:
            parameters = equation.primitive.get_bind_params(equation.params)
            with equation.ctx.manager:
                made = equation.primitive.bind(*arguments, **parameters)
            outputs = list(made) if equation.primitive.multiple_results else [made]
            layer = scope or _line(equation) or equation.primitive.name
            yield from (_Value(layer, one) for one in outputs)
        values |= dict(zip(equation.outvars, outputs, strict=True))
    results.extend(read(atom) for atom in jaxpr.outvars)


def _scope(equation: Any) -> str:
    """The names of the modules that an equation is of: `Dense_0`."""
    return str(equation.source_info.name_stack)


def _line(equation: Any) -> str:
    """The innermost line of Encore's source that an equation is of: `cells.py:41 (step)`."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback is not None else ():
        within = frame.file_name.replace("\\", "/")
        if "/research/" in within and "/research/export/" not in within:
            function = frame.function_name.rpartition("<locals>.")[2]
            return f"{within.rpartition('/')[2]}:{frame.line_num} ({function})"
    return ""

"""`vmap`, a program of one example interpreted for a batch; functions with their own derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from research.autodiff.miniature.axes import spread, zeros
from research.autodiff.miniature.program import Primitive, Type, Value, Variable, type_of
from research.autodiff.miniature.tracing import as_returned, as_value, bind, read, trace


def vmap(function: Callable[..., Any], mapped: Sequence[bool] | None = None) -> Callable[..., Any]:
    """A function of one example as a function of a batch of them, along axis 0.

    Args:
        function: of arrays, to an array or a tuple of arrays.
        mapped: whether an argument has this axis, for each; without it all have. All outputs do.
    """

    def batched(*arguments: Any) -> Any:
        values = [as_value(x) for x in arguments]
        flags = [True] * len(values) if mapped is None else list(mapped)
        size = _size(values, flags)
        pairs = list(zip(values, flags, strict=True))
        program = trace(
            function, *(Type(x.shape[1:], x.dtype) if flag else type_of(x) for x, flag in pairs)
        )
        known: dict[Variable, Value] = dict(zip(program.inputs, values, strict=True))
        many = {variable for variable, flag in zip(program.inputs, flags, strict=True) if flag}
        for output, primitive, params, atoms in program.equations:
            inputs = [read(known, atom) for atom in atoms]
            which = [isinstance(atom, Variable) and atom in many for atom in atoms]
            if any(which):
                known[output] = primitive.batch(size, inputs, which, **params)
                many.add(output)
            else:
                known[output] = bind(primitive, *inputs, **params)
        outputs = [read(known, atom) for atom in program.outputs]
        which = [isinstance(atom, Variable) and atom in many for atom in program.outputs]
        return as_returned(spread(size, outputs, which))

    return batched


def _size(values: Sequence[Value], mapped: Sequence[bool]) -> int:
    shapes = [x.shape for x, flag in zip(values, mapped, strict=True) if flag]
    if not shapes or () in shapes or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"vmap needs mapped arguments of one length along axis 0, not {shapes}")
    return shapes[0][0]


def custom_jvp(
    function: Callable[..., Value], rule: Callable[..., Value], name: str = ""
) -> Callable[..., Value]:
    """A function that says itself what its derivative is, where the rules of its parts fail.

    Args:
        function: of arrays, to one array.
        rule: (output, inputs, tangents) -> the output's tangent, linear in the tangents. It is
            differentiated in its turn for higher derivatives.
        name: of the primitive that is made; the function's without one.
    """

    def jvp_rule(output: Value, inputs: Sequence[Value], tangents: Sequence[Any]) -> Value:
        pairs = zip(inputs, tangents, strict=True)
        full = [zeros(type_of(x)) if slope is None else slope for x, slope in pairs]
        return rule(output, inputs, full)

    def batch(size: int, inputs: Sequence[Value], which: Sequence[bool]) -> Value:
        full = spread(size, inputs, which)
        count = len(full)

        def rules(output: Value, inputs: Sequence[Value], tangents: Sequence[Value]) -> Value:
            return vmap(lambda y, *rest: rule(y, rest[:count], rest[count:]))(
                output, *inputs, *tangents
            )

        return custom_jvp(vmap(function), rules, name)(*full)

    primitive = Primitive(
        name or function.__name__,
        function,
        lambda *types: type_of(trace(function, *types).outputs[0]),
        jvp_rule,
        batch,
    )
    return lambda *inputs: bind(primitive, *map(as_value, inputs))

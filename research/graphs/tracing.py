"""Traced programs as blocks, with what dead-code elimination removes marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jax.extend.core import Literal
from jax.interpreters.partial_eval import dce_jaxpr

from research.graphs.blocks import Block, Op, cost_inside
from research.graphs.costs import bytes_of, flops_of, inner_programs
from research.graphs.origins import Frame, Origin, fold_paths, origin_of

_INNER_NAMES = {
    "cond_jaxpr": "condition",
    "body_jaxpr": "body",
    "jaxpr": "body",
    "call_jaxpr": "body",
}
_SHOWN = 90
"""Characters of an operation's parameters that are shown."""


class Trace:
    """Reads one program after the other; what they share becomes one block."""

    def __init__(self, experiments: Path) -> None:
        self._experiments = experiments
        self._blocks: dict[tuple[int, int, bool], Block] = {}
        self._origins: dict[int, Origin] = {}
        self._alive: list[Any] = []

    def block(
        self,
        jaxpr: Any,
        wanted: Sequence[bool],
        inputs: Sequence[str] = (),
        results: Sequence[str] = (),
    ) -> Block:
        """A program as a block.

        Args:
            jaxpr: the program.
            wanted: for each of its results whether it is wanted: what none of these needs is marked
                as removed.
            inputs: names of its arguments.
            results: names of its results.
        """
        pruned, _ = dce_jaxpr(jaxpr, list(wanted))
        return self._read(jaxpr, pruned, inputs, results)

    def _read(
        self, jaxpr: Any, pruned: Any, inputs: Sequence[str] = (), results: Sequence[str] = ()
    ) -> Block:
        """A block; `pruned` None means that it is removed as a whole."""
        key = (id(jaxpr), id(pruned), bool(inputs or results))
        if key not in self._blocks:
            self._alive += [jaxpr, pruned]
            self._blocks[key] = self._make(jaxpr, pruned, inputs, results)
        return self._blocks[key]

    def _make(
        self, jaxpr: Any, pruned: Any, inputs: Sequence[str], results: Sequence[str]
    ) -> Block:
        kept = {
            id(variable): equation
            for equation in (() if pruned is None else pruned.eqns)
            for variable in equation.outvars
            if not _dropped(variable)
        }
        # What has effects may have no result that is used.
        effects = {id(each) for each in (() if pruned is None else pruned.eqns)}
        names = dict(zip(map(id, jaxpr.invars), inputs or _argument_names(jaxpr), strict=False))
        names |= {id(each): f"constant {_type(each.aval)}" for each in jaxpr.constvars}
        made: dict[int, int] = {}
        given: dict[int, list[str]] = {}
        for at, variable in enumerate(jaxpr.outvars):
            name = results[at] if results else f"result {at + 1}" if len(jaxpr.outvars) > 1 else ""
            given.setdefault(id(variable), []).append(name or "result")
        origins = [self._origin(equation) for equation in jaxpr.eqns]
        paths = fold_paths(origins)
        ops = []
        for equation, origin, path in zip(jaxpr.eqns, origins, paths, strict=True):
            new = equation if id(equation) in effects else None
            for variable in equation.outvars:
                new = kept.get(id(variable), new)
            ops.append(self._op(equation, new, origin, path, names, made, given))
            made.update((id(variable), len(ops) - 1) for variable in equation.outvars)
        return Block(ops)

    def _op(
        self,
        equation: Any,
        new: Any,
        origin: Origin,
        path: tuple[str, ...],
        names: Mapping[int, str],
        made: Mapping[int, int],
        given: Mapping[int, list[str]],
    ) -> Op:
        read = [atom for atom in equation.invars if not isinstance(atom, Literal)]
        name = equation.primitive.name
        inside = tuple(self._inside(equation, new))
        times = equation.params["length"] if name == "scan" else 1
        if inside:
            flops, size = cost_inside(name, times, [block for _, block in inside])
        else:
            flops, size = flops_of(equation), bytes_of(equation)
        outputs = [variable for variable in equation.outvars if not _dropped(variable)]
        first = _type((outputs or equation.outvars)[0].aval) if equation.outvars else ""
        return Op(
            _title(equation),
            first + (f" and {len(outputs) - 1} more" if len(outputs) > 1 else ""),
            tuple(sorted({made[id(atom)] for atom in read if id(atom) in made})),
            tuple(dict.fromkeys(names[id(atom)] for atom in read if id(atom) in names)),
            tuple(text for variable in equation.outvars for text in given.get(id(variable), ())),
            path,
            origin.source,
            _detail(equation),
            flops,
            size,
            times,
            inside,
            removed=new is None,
        )

    def _inside(self, equation: Any, new: Any) -> Iterator[tuple[str, Block]]:
        """The programs inside, each beside what is left of it."""
        before = list(inner_programs(equation))
        after = [] if new is None else [inner for _, inner in inner_programs(new)]
        for at, (key, inner) in enumerate(before):
            name = f"branch {at}" if key == "branches" else _INNER_NAMES.get(key, key)
            yield name, self._read(inner, after[at] if len(after) == len(before) else None)

    def _origin(self, equation: Any) -> Origin:
        info = equation.source_info
        frames = [
            Frame(frame.file_name, frame.function_name, frame.line_num)
            for frame in (info.traceback.frames if info.traceback else ())
        ]
        return origin_of(frames, str(info.name_stack), self._experiments)


def _title(equation: Any) -> str:
    """What an equation is called: of a compiled function its own name."""
    name = equation.primitive.name
    inner = equation.params.get("name")
    return f"{name} {inner}" if name in ("jit", "pjit", "closed_call") and inner else name


def _detail(equation: Any) -> str:
    """Parameters that are short enough to be read."""
    shown = [
        f"{key}={value}"
        for key, value in equation.params.items()
        if isinstance(value, int | float | str | tuple)
        and value not in ((), "", None)
        and not any(hasattr(part, "eqns") or hasattr(part, "jaxpr") for part in _parts(value))
        and len(str(value)) < _SHOWN
        and key not in ("name", "in_layouts", "out_layouts", "in_shardings", "out_shardings")
        and "donated" not in key
    ]
    return ", ".join(shown)[: 2 * _SHOWN]


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _dropped(variable: Any) -> bool:
    return type(variable).__name__ == "DropVar"


def _argument_names(jaxpr: Any) -> list[str]:
    names = getattr(jaxpr.debug_info, "arg_names", None) or ()
    if len(names) != len(jaxpr.invars):
        names = ("",) * len(jaxpr.invars)
    return [
        f"{name or f'input {at + 1}'} {_type(variable.aval)}"
        for at, (name, variable) in enumerate(zip(names, jaxpr.invars, strict=True))
    ]


def _type(aval: Any) -> str:
    return str(aval.str_short(short_dtypes=True)) if hasattr(aval, "str_short") else str(aval)

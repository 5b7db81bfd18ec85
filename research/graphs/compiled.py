"""Compiled programs as blocks: each fusion of the compiler with the operations inside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from research.graphs.blocks import Block, Op, cost_inside
from research.graphs.costs import operation_flops
from research.graphs.hlo import Instruction, Module
from research.graphs.origins import fold_paths, origin_of
from research.graphs.traffic import traffic_of

PASSED = frozenset(("parameter", "constant", "tuple", "get-tuple-element", "bitcast"))
"""Instructions that do nothing when the program runs; arrows go through them."""
_SMALL = frozenset(("reduce", "reduce-window", "scatter", "select-and-scatter", "sort", "map"))
"""Instructions that call a function of single numbers, which is not shown."""
_CALLED_NAMES = {"body": "body", "condition": "condition", "to_apply": "body"}
_FUNCTION = re.compile(r"jit\([^)]*\)$|while$|body$|cond$|branch_\d+_fun$|closed_call$|scan$")
"""Parts of a path that say what block an instruction stood in, not what layer."""


def compiled_block(module: Module, experiments: Path, results: Sequence[str] = ()) -> Block:
    """A compiled program as a block.

    Args:
        module: the parsed program.
        experiments: the folder of experiments, for lines of source.
        results: names of its results, in order; they are numbered where there are none.
    """
    return _Compiled(module, experiments, results).block(module.entry)


class _Compiled:
    def __init__(self, module: Module, experiments: Path, results: Sequence[str]) -> None:
        self._module, self._experiments, self._results = module, experiments, results
        self._blocks: dict[tuple[str, bool], Block] = {}

    def block(self, name: str, *, fused: bool = False) -> Block:
        key = (name, fused)
        if key not in self._blocks:
            self._blocks[key] = self._make(name, fused=fused)
        return self._blocks[key]

    def _make(self, name: str, *, fused: bool) -> Block:
        instructions = self._module.computations[name]
        by_name = {each.name: each for each in instructions}
        shown = [each for each in instructions if each.opcode not in PASSED]
        origins = [
            origin_of(self._module.frames.get(each.frame, ()), _layers(each), self._experiments)
            for each in shown
        ]
        number = {each.name: at for at, each in enumerate(shown)}
        reach = _sources(instructions, number)
        root = next((each for each in instructions if each.root), None)
        results: dict[int, list[str]] = {}
        if root is not None:
            given = root.operands if root.opcode == "tuple" else (root.name,)
            named = name == self._module.entry and len(self._results) == len(given)
            for at, operand in enumerate(given):
                label = f"result {at + 1}" if len(given) > 1 else "result"
                label = self._results[at] if named else label
                for source in reach[operand][0] if operand in reach else (number[operand],):
                    results.setdefault(source, []).append(label)
        read = [_inputs(each, number, reach) for each in shown]
        paths = fold_paths(origins)
        if fused:
            paths = [()] * len(shown)
        else:
            known = [bool(each.calls or each.layers) for each in origins]
            _adopt(paths, known, [list(inner) for inner, _ in read])
        ops = []
        for at, (each, origin, path) in enumerate(zip(shown, origins, paths, strict=True)):
            inputs, outside = read[at]
            op = self._op(each, by_name, fused=fused)
            ops.append(
                op._replace(
                    inputs=tuple(sorted(inputs)),
                    outside=tuple(outside),
                    results=tuple(results.get(at, ())),
                    path=path,
                    source=origin.source,
                )
            )
        return Block(ops)

    def _op(self, each: Instruction, by_name: Mapping[str, Instruction], *, fused: bool) -> Op:
        """The operation without its place in the block."""
        inside = () if each.opcode in _SMALL else tuple(self._inside(each))
        blocks = [block for _, block in inside]
        flops, size = cost_inside(each.opcode, each.trips, blocks)
        if not inside:
            flops, size = _flops(each, by_name), traffic_of(each, by_name)
        elif each.opcode == "fusion":
            within = self._module.computations[each.called["calls"][0]]
            size = traffic_of(each, by_name, within)
        kind = re.search(r"\bkind=k(\w+)", each.attributes)
        shapes = [str(array) for array in each.arrays]
        return Op(
            each.opcode,
            shapes[0] + (f" and {len(shapes) - 1} more" if shapes[1:] else "") if shapes else "",
            (), (), (), (), "",
            f"fused as a {kind[1].lower()}" if kind else "",
            flops,
            0.0 if fused else size,
            each.trips,
            inside,
            fused=each.opcode == "fusion",
        )  # fmt: skip

    def _inside(self, each: Instruction) -> list[tuple[str, Block]]:
        found = []
        for key, names in each.called.items():
            for at, name in enumerate(names):
                if name not in self._module.computations:
                    continue
                label = f"branch {at}" if len(names) > 1 else _CALLED_NAMES.get(key, "inside")
                fused = key == "calls" and each.opcode == "fusion"
                found.append((label, self.block(name, fused=fused)))
        return found


def _adopt(paths: list[tuple[str, ...]], known: list[bool], inputs: list[list[int]]) -> None:
    """Fold what comes from no line, such as a copy, with what it is made from, or made for."""
    for at, read in enumerate(inputs):
        source = next((i for i in read if known[i]), None)
        if not known[at] and source is not None:
            paths[at], known[at] = paths[source], True
    for at in reversed(range(len(paths))):
        for i in inputs[at] if known[at] else ():
            if not known[i]:
                paths[i], known[i] = paths[at], True


def _layers(each: Instruction) -> str:
    """JAX's path without the functions and blocks around it, and without the operation."""
    parts, depth = [""], 0
    for letter in each.op_name:
        depth += (letter == "(") - (letter == ")")
        if letter == "/" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return "/".join(part for part in parts[:-1] if not _FUNCTION.match(part))


def _sources(
    instructions: tuple[Instruction, ...], number: Mapping[str, int]
) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
    """For what is passed through: the operations and the outer inputs that it stands for."""
    found: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
    for each in instructions:
        if each.opcode not in PASSED:
            continue
        if each.opcode in ("parameter", "constant"):
            found[each.name] = ((), (_input_name(each),))
            continue
        inner: dict[int, None] = {}
        outer: dict[str, None] = {}
        for operand in each.operands:
            if operand in number:
                inner[number[operand]] = None
            elif operand in found:
                inner.update(dict.fromkeys(found[operand][0]))
                outer.update(dict.fromkeys(found[operand][1]))
        found[each.name] = (tuple(inner), tuple(outer))
    return found


def _input_name(each: Instruction) -> str:
    shape = str(each.arrays[0]) if len(each.arrays) == 1 else f"{len(each.arrays)} arrays"
    if each.opcode == "constant":
        value = each.attributes if len(each.attributes) < 20 else shape
        return f"constant {value}"
    name = re.sub(r"\['(\w+)'\]", r".\1", each.op_name)
    return f"{name} {shape}" if name and "/" not in name else f"input {each.attributes} {shape}"


def _inputs(
    each: Instruction,
    number: Mapping[str, int],
    reach: Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]],
) -> tuple[dict[int, None], dict[str, None]]:
    inner: dict[int, None] = {}
    outer: dict[str, None] = {}
    for operand in each.operands:
        if operand in number:
            inner[number[operand]] = None
        elif operand in reach:
            inner.update(dict.fromkeys(reach[operand][0]))
            outer.update(dict.fromkeys(reach[operand][1]))
    return inner, outer


def _flops(each: Instruction, by_name: Mapping[str, Instruction]) -> float:
    made = sum(array.size for array in each.arrays)
    arrays = [by_name[name].arrays[0] for name in each.operands if name in by_name
              and by_name[name].arrays]  # fmt: skip
    if each.opcode == "dot" and arrays:
        axes = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", each.attributes)
        sizes = [arrays[0].shape[int(axis)] for axis in axes[1].split(",") if axis] if axes else []
        for size in sizes:
            made *= size
        return 2.0 * made
    if each.opcode == "convolution" and len(arrays) > 1:
        labels = re.search(r"dim_labels=\w+_(\w+)->", each.attributes)
        kernel = arrays[1]
        features = kernel.shape[labels[1].index("o")] if labels else 1
        return 2.0 * made * kernel.size / max(1, features)
    return operation_flops(each.opcode, arrays[0].size if arrays else 0, made)

"""Sheets: what a page draws, one for each program, loop, branch, fusion and fold, laid out.

A box that holds something names the sheet that opens. Blocks and layouts that are there twice, as a
function called a hundred times, become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from research.graphs.blocks import Block, Op, Totals
from research.graphs.folding import Member, fold, operations_of
from research.options.terminal import cut, spell_bytes
from research.report.graphs import LONGEST, box_size
from research.report.layers import Layout, lay_out

OPERATION, FOLD, PROGRAM, FUSION, INPUT, RESULT = range(6)
"""Kinds of boxes."""
REMOVED, CRITICAL = 1, 2
"""Marks of boxes."""
MOST_CHIPS = 3
"""Inputs or results of a box that are drawn one by one."""
MOST_NAMES = 40
"""Of those that are drawn as one box, so many are named."""


class Box(NamedTuple):
    """A box before it has its place.

    Attributes:
        kind: of box.
        lines: what stands in it.
        marks: bits.
        sheet: what opens, or -1.
        facts: (label, value), shown when it is chosen.
    """

    kind: int
    lines: tuple[str, ...]
    marks: int = 0
    sheet: int = -1
    facts: tuple[tuple[str, str], ...] = ()


class Sheets:
    """Makes sheets, as JSON values.

    Attributes:
        made: the sheets, by their number.
    """

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self._roots: dict[int, int] = {}
        self._blocks: list[Block] = []
        self._layouts: dict[Any, Layout] = {}

    def add(self, block: Block, title: str) -> int:
        """The number of the sheet that a block begins with."""
        if id(block) not in self._roots:
            self._blocks.append(block)
            self._roots[id(block)] = self._add(block, fold(block).members, title)
        return self._roots[id(block)]

    def _add(self, block: Block, members: Sequence[Member], title: str) -> int:
        sets = [frozenset(operations_of(member)) for member in members]
        home = {number: at for at, numbers in enumerate(sets) for number in numbers}
        boxes = [
            self._box(block, member, numbers) for member, numbers in zip(members, sets, strict=True)
        ]
        edges: dict[tuple[int, int], None] = {}
        users = _users(block, home)
        for at, numbers in enumerate(sets):
            outside: dict[str, None] = {}
            results: dict[str, None] = {}
            for number in sorted(numbers):
                op = block.ops[number]
                for other in op.inputs:
                    if other not in home:
                        outside[_label(block.ops[other])] = None
                    elif home[other] != at:
                        edges[home[other], at] = None
                outside.update(dict.fromkeys(op.outside))
                results.update(dict.fromkeys(op.results))
                results.update(dict.fromkeys(users.get(number, ())))
            for chip in _chips(INPUT, list(outside)):
                edges[len(boxes), at] = None
                boxes.append(chip)
            for chip in _chips(RESULT, list(results)):
                edges[at, len(boxes)] = None
                boxes.append(chip)
        return self._lay(boxes, list(edges), title)

    def _lay(self, boxes: list[Box], edges: list[tuple[int, int]], title: str) -> int:
        sizes = tuple(box_size(box.lines) for box in boxes)
        key = (sizes, tuple(edges))
        if key not in self._layouts:
            self._layouts[key] = lay_out(sizes, edges)
        layout = self._layouts[key]
        nodes = [
            [
                box.kind,
                *(round(value) for value in place),
                list(box.lines),
                box.marks,
                box.sheet,
                [list(fact) for fact in box.facts],
            ]
            for box, place in zip(boxes, layout.boxes, strict=True)
        ]
        routes = [
            [start, end, [round(value) for point in route for value in point]]
            for (start, end), route in zip(edges, layout.routes, strict=True)
        ]
        self.made.append(
            {
                "title": title,
                "width": round(layout.width),
                "height": round(layout.height),
                "nodes": nodes,
                "edges": routes,
            }
        )
        return len(self.made) - 1

    def _box(self, block: Block, member: Member, numbers: frozenset[int]) -> Box:
        critical = CRITICAL * bool(numbers & block.critical)
        if isinstance(member, int):
            return self._of_operation(block.ops[member], critical)
        ops = [block.ops[number] for number in sorted(numbers)]
        totals = Block([op._replace(inputs=()) for op in ops]).totals
        sheet = self._add(block, member.members, member.name)
        lines = (member.name, _count(totals), _cost(totals.flops, totals.bytes))
        sources = {op.source.split(" ")[0].split(":")[0]: None for op in ops if op.source}
        facts = (("operations", f"{totals.operations:,}"), *_removed_fact(totals),
                 ("cost", _cost(totals.flops, totals.bytes)),
                 *((("from", ", ".join(list(sources)[:4])),) if sources else ()))  # fmt: skip
        return Box(FOLD, _fit(lines), critical | _removed_mark(totals), sheet, facts)

    def _of_operation(self, op: Op, critical: int) -> Box:
        facts = [("result", op.result), ("cost", _cost(op.flops, op.bytes))]
        times = f" × {op.times:,}" if op.times > 1 else ""
        name = f"{op.name}{times}"
        lines = [name, op.result, _cost(op.flops, op.bytes)]
        marks, kind, sheet = critical | REMOVED * op.removed, OPERATION, -1
        if op.inside:
            inner = [block.totals for _, block in op.inside]
            operations = sum(totals.operations for totals in inner)
            removed = sum(totals.removed for totals in inner)
            facts.append(("operations inside", f"{operations:,}"))
            if removed and not op.removed:
                facts.append(("removed inside", f"{removed:,}"))
            kind = FUSION if op.fused else PROGRAM
            sheet = self._open(op, name)
            lines.insert(1, _names_inside(op) if op.fused else _operations(operations, removed))
        facts += [("parameters", op.detail)] if op.detail else []
        facts += [("line", op.source)] if op.source else []
        if op.removed:
            facts.append(("removed", "nothing that is wanted depends on it"))
        return Box(kind, _fit(tuple(lines)), marks, sheet, tuple(facts))

    def _open(self, op: Op, name: str) -> int:
        """The sheet inside an operation: that of its block, or one with a box for each of them."""
        if len(op.inside) == 1:
            return self.add(op.inside[0][1], name)
        boxes = []
        for label, block in op.inside:
            totals = block.totals
            lines = (label, _count(totals), _cost(totals.flops, totals.bytes))
            facts = (("operations", f"{totals.operations:,}"), *_removed_fact(totals))
            sheet = self.add(block, label)
            boxes.append(Box(PROGRAM, _fit(lines), _removed_mark(totals), sheet, facts))
        return self._lay(boxes, [], name)


def _users(block: Block, home: dict[int, int]) -> dict[int, dict[str, None]]:
    """For operations of a sheet what uses their results elsewhere in the block."""
    users: dict[int, dict[str, None]] = {}
    for at, op in enumerate(block.ops):
        if at not in home:
            for number in op.inputs:
                if number in home:
                    users.setdefault(number, {})[f"to {_label(op)}"] = None
    return users


def _label(op: Op) -> str:
    return f"{op.path[-1]}: {op.name}" if op.path else f"{op.name} {op.result}"


def _chips(kind: int, names: list[str]) -> list[Box]:
    """Boxes for what goes in or out: one each of a few, or one for all."""
    if len(names) <= MOST_CHIPS:
        return [Box(kind, _name_lines(name), facts=(("name", name),)) for name in names]
    word = "inputs" if kind == INPUT else "results"
    shown = names[:MOST_NAMES] + ["…"] * (len(names) > MOST_NAMES)
    return [Box(kind, (f"{len(names)} {word}",), facts=tuple((word, name) for name in shown))]


def _name_lines(name: str) -> tuple[str, ...]:
    first, space, last = name.rpartition(" ")
    if not space or not last.endswith("]"):
        first, last = name, ""
    if len(first) > LONGEST:
        first = f"…{first[1 - LONGEST :]}"
    return (first, last) if last else (first,)


def _fit(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cut(line, LONGEST) for line in lines if line)


def _names_inside(op: Op) -> str:
    names = dict.fromkeys(inner.name for _, block in op.inside for inner in block.ops)
    return ", ".join(names)


def _count(totals: Totals) -> str:
    return _operations(totals.operations, totals.removed)


def _operations(count: int, removed: int) -> str:
    text = f"{count:,} operation{'s' * (count != 1)}"
    return f"{text}, {removed:,} removed" if removed else text


def _removed_mark(totals: Totals) -> int:
    return REMOVED * (0 < totals.removed == totals.operations)


def _removed_fact(totals: Totals) -> tuple[tuple[str, str], ...]:
    return (("removed", f"{totals.removed:,}"),) if totals.removed else ()


def _cost(flops: float, size: float) -> str:
    parts = [spell_flops(flops)] if flops else []
    parts += [spell_bytes(int(size))] if size else []
    return " · ".join(parts)


def spell_flops(count: float | None) -> str:
    """Floating-point operations in a unit that makes the number short."""
    if count is None:
        return "not known"
    for unit, size in (("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6), ("kFLOP", 1e3)):
        if count >= size:
            return f"{count / size:,.4g} {unit}"
    return f"{count:,.0f} FLOP"

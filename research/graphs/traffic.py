"""Bytes that instructions of a compiled program read and write in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from research.graphs.costs import SLICES
from research.graphs.hlo import Instruction

Instructions = Mapping[str, Instruction]


def traffic_of(
    each: Instruction, by_name: Instructions, inside: Sequence[Instruction] = ()
) -> float:
    """Bytes that an instruction reads and writes; of a large array only the part that it touches.

    Args:
        each: the instruction.
        by_name: the instructions of its computation.
        inside: of a fusion, the instructions inside: what lies between them is never written.
    """
    operands = [by_name[name] for name in dict.fromkeys(each.operands) if name in by_name]
    if inside:
        parameters = {int(one.attributes): one for one in inside if one.opcode == "parameter"}
        read = sum(_read(parameters[at], inside) for at in sorted(parameters))
        root = next((one for one in inside if one.root), inside[-1])
        return float(read + _written(root, {one.name: one for one in inside}))
    if each.opcode in SLICES:
        return float(2 * _size(each) + sum(map(_size, operands[1:])))
    if each.opcode == "dynamic-update-slice" and len(operands) > 1:
        return float(_size(operands[1]) + sum(map(_size, operands[1:])))
    return float(_size(each) + sum(map(_size, operands)))


def _size(each: Instruction) -> int:
    return sum(array.bytes for array in each.arrays)


def _read(source: Instruction, inside: Sequence[Instruction]) -> int:
    """What a fusion reads of one of its operands."""
    total = 0
    for user in inside:
        if source.name not in user.operands:
            continue
        first = user.operands[0] == source.name and user.operands.count(source.name) == 1
        if user.opcode == "bitcast":
            total += _read(user, inside)
        elif user.opcode in SLICES and first:
            total += _size(user)
        elif user.opcode != "dynamic-update-slice" or not first:
            return _size(source)
    return min(total, _size(source))


def _written(root: Instruction, by_name: Instructions) -> int:
    """What a fusion writes: of an array that is changed in place, the part that is."""
    if root.opcode == "tuple":
        return sum(_written(by_name[name], by_name) for name in root.operands if name in by_name)
    if root.opcode == "bitcast" and root.operands[0] in by_name:
        return _written(by_name[root.operands[0]], by_name)
    if root.opcode == "dynamic-update-slice":
        return _size(by_name[root.operands[1]])
    return _size(root)

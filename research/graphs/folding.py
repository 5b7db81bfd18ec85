"""Folds: the operations of a block under the functions and layers that they come from.

A fold must not need something that itself needs part of the fold: arrows between folds would run in
a circle, and nothing could be drawn in layers. An operation that would close such a circle begins a
second fold of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from research.graphs.blocks import Block
from research.graphs.origins import BACKWARD, FORWARD

SMALLEST = 3
"""Operations that make a fold; fewer stand by themselves."""
MOST = 120
"""Boxes side by side and below each other that a person still finds her way in."""


class Fold(NamedTuple):
    """Operations that are shown as one box until it is opened.

    Attributes:
        name: the function or the layer.
        members: operations, by their number in the block, and folds of them.
    """

    name: str
    members: tuple[Member, ...]


Member: TypeAlias = "int | Fold"

_PART = "part "
ROOM = 24
"""Boxes up to which folds that hold further folds are open from the start."""


def fold(block: Block) -> Fold:
    """All operations of a block, folded."""
    return Fold("", _fold(block, range(len(block.ops)), 0))


def operations_of(member: Member) -> list[int]:
    """The numbers of all operations in a member."""
    if isinstance(member, int):
        return [member]
    return [number for each in member.members for number in operations_of(each)]


def _fold(block: Block, numbers: Sequence[int], depth: int) -> tuple[Member, ...]:
    """Members that are made of the names at `depth` of the operations' paths."""
    names = [
        path[depth] if len(path := block.ops[number].path) > depth else None for number in numbers
    ]
    if not any(names):
        return _in_parts(block, tuple(numbers))
    groups = _group(block, numbers, names)
    if len(groups) == 1 and groups[0][0] is not None:
        return _fold(block, numbers, depth + 1)
    count: dict[str, int] = {}
    members: list[Member] = []
    for name, group in groups:
        if name is None or len(group) < SMALLEST:
            members += group
            continue
        count[name] = count.get(name, 0) + 1
        again = f" ({count[name]})" if count[name] > 1 else ""
        members.append(Fold(name + again, _fold(block, group, depth + 1)))
    return _in_parts(block, _opened(members))


def _opened(members: list[Member]) -> tuple[Member, ...]:
    """The members, in which folds of folds are replaced by what they hold while there is room.

    So a reader meets layers after few steps, and not every function on the way to them. The two
    ways of a gradient stay folds.
    """
    while True:
        choice = [
            (len(operations_of(each)), at)
            for at, each in enumerate(members)
            if isinstance(each, Fold)
            and not each.name.startswith((FORWARD, BACKWARD))
            and any(isinstance(inner, Fold) for inner in each.members)
            and not any(_is_part(inner) for inner in each.members)
            and len(members) - 1 + len(each.members) <= ROOM
        ]
        if not choice:
            return tuple(members)
        _, at = max(choice)
        opened = members[at]
        assert isinstance(opened, Fold)
        members = [*members[:at], *opened.members, *members[at + 1 :]]


def _group(
    block: Block, numbers: Sequence[int], names: Sequence[str | None]
) -> list[tuple[str | None, list[int]]]:
    """Operations of one name together, as far as no circle of groups comes of it.

    For each group the set of groups that it needs is kept, as the bits of a number.
    """
    groups: list[tuple[str | None, list[int]]] = []
    needs: list[int] = []
    where: dict[int, int] = {}
    newest: dict[str, int] = {}
    for number, name in zip(numbers, names, strict=True):
        before = {where[i] for i in block.ops[number].inputs if i in where}
        at = newest.get(name) if name is not None else None
        if at is not None and any(needs[other] >> at & 1 for other in before if other != at):
            at = None
        if at is None:
            at = len(groups)
            groups.append((name, []))
            needs.append(0)
            if name is not None:
                newest[name] = at
        groups[at][1].append(number)
        where[number] = at
        new = 0
        for other in before - {at}:
            new |= needs[other] | 1 << other
        if new & ~needs[at]:
            needs[at] |= new
            for other, needed in enumerate(needs):
                if needed >> at & 1:
                    needs[other] |= needs[at]
    return groups


def _in_parts(block: Block, members: tuple[Member, ...]) -> tuple[Member, ...]:
    """The members, in parts of equal length where they are too many."""
    if len(members) <= MOST:
        return members
    ordered = _in_order(block, members)
    parts = -(-len(ordered) // MOST)
    size = -(-len(ordered) // parts)
    return tuple(
        Fold(f"{_PART}{at + 1} of {parts}", ordered[at * size : (at + 1) * size])
        for at in range(parts)
    )


def _is_part(member: Member) -> bool:
    return isinstance(member, Fold) and member.name.startswith(_PART)


def _in_order(block: Block, members: tuple[Member, ...]) -> tuple[Member, ...]:
    """Each member after those that it needs."""
    where = {number: at for at, each in enumerate(members) for number in operations_of(each)}
    waiting = []
    for at, each in enumerate(members):
        needed = {where[i] for number in operations_of(each) for i in block.ops[number].inputs
                  if i in where}  # fmt: skip
        waiting.append(needed - {at})
    after: list[list[int]] = [[] for _ in members]
    for at, needed in enumerate(waiting):
        for other in needed:
            after[other].append(at)
    ready = [at for at, needed in enumerate(waiting) if not needed]
    for at in ready:
        for other in after[at]:
            waiting[other].discard(at)
            if not waiting[other]:
                ready.append(other)
    return tuple(members[at] for at in ready)

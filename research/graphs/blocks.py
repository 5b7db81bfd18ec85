"""Blocks: programs as graphs of operations, from a trace or from what the compiler made.

Both become the same thing, so that one fold, one layout and one page serve both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple


class Op(NamedTuple):
    """One operation of a block.

    Attributes:
        name: `dot_general`, or what calls an inner block: `scan`.
        result: dtype and shape of what it gives, `f32[8,10]`.
        inputs: numbers of operations of this block that it reads, each once, all before its own.
        outside: names of inputs of this block that it reads.
        results: names of the block's results that it gives.
        path: names of folds, the outermost first: functions, layers.
        source: `research/vision/models.py:31 (__call__)`, or "".
        detail: parameters that matter, or "".
        flops: floating-point operations of one run; of what is inside, as often as that runs.
        bytes: read and written, counted alike.
        times: how often what is inside runs.
        inside: inner blocks, each under its name: of a loop, a branch, a function, a fusion.
        fused: whether its inside is computed in one pass, and only its result reaches memory.
        removed: whether nothing that is wanted depends on it.
    """

    name: str
    result: str
    inputs: tuple[int, ...]
    outside: tuple[str, ...]
    results: tuple[str, ...]
    path: tuple[str, ...]
    source: str
    detail: str
    flops: float
    bytes: float
    times: int = 1
    inside: tuple[tuple[str, Block], ...] = ()
    fused: bool = False
    removed: bool = False


class Totals(NamedTuple):
    """What a block amounts to, and what of it must come one after the other.

    Attributes:
        operations: in the program as written, inner blocks included, each fold or call not counted.
        removed: of these, what nothing depends on.
        flops: with loops of known length in full, of branches the dearest.
        bytes: read and written by operations.
        work: operations as they run: loops of known length in full, of branches the longest.
        chain: the longest chain of these in which each needs the one before.
        fusions: boxes that the compiler made of several operations.
    """

    operations: int
    removed: int
    flops: float
    bytes: float
    work: int
    chain: int
    fusions: int


class Block:
    """A graph of operations; immutable, with its totals computed once.

    Attributes:
        ops: in an order in which each comes after what it reads.
        loops: whether it has loops of unknown length inside, whose body counts once.
    """

    def __init__(self, ops: Sequence[Op]) -> None:
        self.ops = tuple(ops)

    @cached_property
    def totals(self) -> Totals:
        """Of all that is inside."""
        inner = [[block.totals for _, block in op.inside] for op in self.ops]
        one = [not op.inside for op in self.ops]
        work = [_work(op, parts) for op, parts in zip(self.ops, inner, strict=True)]
        return Totals(
            sum(one) + sum(part.operations for parts in inner for part in parts),
            sum(a and op.removed for a, op in zip(one, self.ops, strict=True))
            + sum(
                part.operations if op.removed else part.removed
                for op, parts in zip(self.ops, inner, strict=True)
                for part in parts
            ),
            sum(op.flops for op in self.ops),
            sum(op.bytes for op in self.ops),
            sum(work),
            max(self._ends, default=0),
            sum(op.fused for op in self.ops) + sum(p.fusions for parts in inner for p in parts),
        )

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        """The longest chain inside each operation."""
        return tuple(_chain(op, [block.totals for _, block in op.inside]) for op in self.ops)

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """The longest chain that ends with each operation."""
        ends: list[int] = []
        for op, length in zip(self.ops, self._lengths, strict=True):
            ends.append(length + max((ends[i] for i in op.inputs), default=0))
        return tuple(ends)

    @cached_property
    def critical(self) -> frozenset[int]:
        """The operations on a longest chain: no machine finishes before they have run in turn."""
        longest = self.totals.chain
        after = [0] * len(self.ops)
        for number in reversed(range(len(self.ops))):
            for i in self.ops[number].inputs:
                after[i] = max(after[i], after[number] + self._lengths[number])
        return frozenset(
            i for i, end in enumerate(self._ends) if end + after[i] == longest and longest
        )

    @cached_property
    def kept(self) -> Block:
        """The block without what is removed; itself where nothing is."""
        number: dict[int, int] = {}
        ops: list[Op] = []
        for at, op in enumerate(self.ops):
            if op.removed:
                continue
            number[at] = len(ops)
            # What feeds an argument that is read nowhere inside is removed, too.
            new = op._replace(inputs=tuple(number[i] for i in op.inputs if i in number))
            inside = tuple((name, block.kept) for name, block in op.inside)
            if any(new is not old for (_, new), (_, old) in zip(inside, op.inside, strict=True)):
                flops, size = cost_inside(op.name, op.times, [block for _, block in inside])
                new = new._replace(inside=inside, flops=flops, bytes=size)
            ops.append(new)
        changed = len(ops) < len(self.ops) or any(
            new.inside is not old.inside for new, old in zip(ops, self.ops, strict=True)
        )
        return Block(ops) if changed else self


def cost_inside(name: str, times: int, blocks: Sequence[Block]) -> tuple[float, float]:
    """FLOPs and bytes of what runs inside: as often as it runs; of branches the dearest."""
    choose: Callable[..., float] = max if name in BRANCHES else sum
    return (
        times * choose([block.totals.flops for block in blocks] or [0.0]),
        times * choose([block.totals.bytes for block in blocks] or [0.0]),
    )


BRANCHES = ("cond", "conditional")


def _work(op: Op, parts: Sequence[Totals]) -> int:
    if not parts:
        return 1
    counts = [part.work for part in parts]
    return op.times * (max(counts) if op.name in BRANCHES else sum(counts))


def _chain(op: Op, parts: Sequence[Totals]) -> int:
    """Turns of a loop come one after the other."""
    if not parts:
        return 1
    counts = [part.chain for part in parts]
    return op.times * (max(counts) if op.name in BRANCHES else sum(counts))

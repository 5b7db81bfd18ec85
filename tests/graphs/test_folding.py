"""Folds hold each operation once, and arrows between them never run in a circle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.graphs.blocks import Block, Op
from research.graphs.folding import MOST, Fold, Member, fold, operations_of
from research.graphs.sheets import Sheets
from research.report.layers import lay_out

Paths = list[tuple[str, ...]]


def block_of(inputs: list[list[int]], paths: Paths) -> Block:
    return Block(
        [
            Op("add", "f32[]", tuple(sorted(set(read))), (), (), path, "", "", 1.0, 4.0)
            for read, path in zip(inputs, paths, strict=True)
        ]
    )


@st.composite
def blocks(draw: Any) -> Block:
    """Up to 60 operations, each made from up to three before it, of few functions and layers."""
    count = draw(st.integers(1, 60))
    names = st.lists(st.sampled_from("abc"), max_size=3)
    inputs = [
        draw(st.lists(st.integers(0, at - 1), max_size=3)) if at else [] for at in range(count)
    ]
    return block_of(inputs, [tuple(draw(names)) for _ in range(count)])


def check(block: Block, members: tuple[Member, ...]) -> None:
    """At every level the members can be drawn in layers: there is no circle."""
    sets = [set(operations_of(member)) for member in members]
    home = {number: at for at, numbers in enumerate(sets) for number in numbers}
    edges = {
        (home[i], home[number])
        for number in home
        for i in block.ops[number].inputs
        if i in home and home[i] != home[number]
    }
    lay_out([(10.0, 10.0)] * len(members), sorted(edges))
    for member in members:
        if isinstance(member, Fold):
            check(block, member.members)


@settings(max_examples=30, deadline=None)
@given(blocks())
def test_every_operation_is_in_one_place_and_no_circle_comes_of_folding(block: Block) -> None:
    folded = fold(block)
    assert sorted(operations_of(folded)) == list(range(len(block.ops)))
    check(block, folded.members)


def test_the_check_sees_a_circle_of_folds_by_name_alone() -> None:
    """Forward, loss, and back through the same layer: three operations each."""
    inputs = [[]] + [[at] for at in range(8)]
    block = block_of(inputs, [("layer",)] * 3 + [("loss",)] * 3 + [("layer",)] * 3)
    with pytest.raises(ValueError, match="has a cycle"):
        check(block, (Fold("layer", (0, 1, 2, 6, 7, 8)), Fold("loss", (3, 4, 5))))
    names = [member.name for member in fold(block).members if isinstance(member, Fold)]
    assert names == ["layer", "loss", "layer (2)"]


def test_branches_of_one_name_stay_together_where_nothing_stands_between() -> None:
    paths: Paths = [("a",), ("b",)] * 4
    block = block_of([[]] * 2 + [[at - 2] for at in range(2, 8)], paths)
    members = fold(block).members
    assert [operations_of(member) for member in members] == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_too_many_boxes_come_in_parts() -> None:
    block = block_of([[]] * (2 * MOST + 1), [()] * (2 * MOST + 1))
    members = fold(block).members
    assert len(members) == 3 and sorted(operations_of(fold(block))) == list(range(2 * MOST + 1))


@settings(max_examples=10, deadline=None)
@given(blocks())
def test_sheets_show_every_operation_once_and_lead_to_one_another(block: Block) -> None:
    sheets = Sheets()
    root = sheets.add(block, "all")
    seen, operations = [root], 0
    for number in seen:
        for node in sheets.made[number]["nodes"]:
            seen += [node[7]] if node[7] >= 0 else []
            operations += node[0] == 0
        edges = sheets.made[number]["edges"]
        assert all(
            0 <= end < len(sheets.made[number]["nodes"]) for edge in edges for end in edge[:2]
        )
    assert operations == len(block.ops) and sorted(seen) == list(range(len(sheets.made)))

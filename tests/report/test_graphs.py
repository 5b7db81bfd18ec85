"""Graphs in layers: every arrow is drawn, no boxes overlap, and no arrow runs through one."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine.artifacts import Graph
from research.report.graphs import draw_graph
from research.report.layers import Box, lay_out

Edges = list[tuple[int, int]]


@st.composite
def graphs(draw: Any) -> tuple[list[tuple[float, float]], Edges]:
    """Sizes and edges of up to 40 nodes, each made from up to three before it."""
    nodes = draw(st.integers(1, 40))
    sizes = draw(st.lists(st.tuples(st.floats(20, 300), st.floats(20, 90)),
                          min_size=nodes, max_size=nodes))  # fmt: skip
    edges = [
        (start, end)
        for end in range(1, nodes)
        for start in draw(st.lists(st.integers(max(0, end - 12), end - 1), max_size=3))
    ]
    return sizes, edges


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_boxes_stand_apart_and_arrows_go_down_between_them(
    graph: tuple[list[tuple[float, float]], Edges],
) -> None:
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    assert layout == lay_out(sizes, edges)
    for (width, height), box in zip(sizes, layout.boxes, strict=True):
        assert box.width == width and box.height >= height
        assert box.x > -1e-6 and box.x + box.width < layout.width + 1e-6
        assert box.y >= 0 and box.y + box.height < layout.height + 1e-6
    assert not [pair for pair in combinations(layout.boxes, 2) if overlap(*pair)]
    for (start, end), route in zip(edges, layout.routes, strict=True):
        first, last = layout.boxes[start], layout.boxes[end]
        assert route[0] == (pytest.approx(first.x + first.width / 2), first.y + first.height)
        assert last.x < route[-1][0] < last.x + last.width and route[-1][1] == last.y
        assert all(upper[1] < lower[1] for upper, lower in pairwise(route))
        # Within a layer it is a vertical line, between layers there are no boxes.
        for (x, top), (other_x, bottom) in pairwise(route[1:-1]):
            if x == other_x:
                line = Box(x, top, 0.1, bottom - top)
                assert not any(overlap(line, box) for box in layout.boxes)


def test_the_check_of_boxes_sees_two_that_overlap() -> None:
    assert overlap(Box(0, 0, 10, 10), Box(9, 9, 10, 10))
    assert not overlap(Box(0, 0, 10, 10), Box(10, 0, 10, 10))


def test_crossings_that_need_not_be_are_taken_out() -> None:
    # Four pairs, the lower ones in the opposite order.
    edges = [(0, 7), (1, 6), (2, 5), (3, 4)]
    boxes = lay_out([(40.0, 20.0)] * 8, edges).boxes
    starts = sorted(range(4), key=lambda node: boxes[node].x)
    ends = sorted(range(4, 8), key=lambda node: boxes[node].x)
    assert [7 - end for end in ends] == starts


def test_an_input_stands_just_above_what_it_leads_to() -> None:
    boxes = lay_out([(40.0, 20.0)] * 5, [(0, 1), (1, 2), (2, 4), (3, 4)]).boxes
    assert boxes[3].y == boxes[2].y > boxes[1].y > boxes[0].y


@settings(max_examples=20, deadline=None)
@given(graphs(), st.data())
def test_the_drawing_is_xml_with_every_node_and_arrow(
    graph: tuple[list[tuple[float, float]], Edges], data: Any
) -> None:
    sizes, edges = graph
    words = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=40)
    texts = tuple(data.draw(words) + "\nvalue 1\nadjoint 2" for _ in sizes)
    artifact = Graph('<t> & "t"', texts, np.array(edges, np.int64).reshape(-1, 2))
    text = draw_graph(artifact, alone=True)
    assert text == draw_graph(artifact, alone=True)
    root = ElementTree.fromstring(text)
    space = {"svg": "http://www.w3.org/2000/svg"}
    kinds = Counter(group.get("class") for group in root.findall("svg:g", space))
    assert (kinds["node"], kinds["edge"]) == (len(sizes), len(edges))
    titles = [title.text or "" for title in root.iterfind(".//svg:title", space)]
    assert titles == list(texts)


def test_text_is_as_wide_as_its_box_allows() -> None:
    """A monospaced letter is at most 0.605 of its size of 13 wide, a Korean one twice that."""
    texts = ("v12 = x**2*y\nvalue 3.14159\nadjoint -1.5e-07", "한글 = 값", "w" * 100)
    root = ElementTree.fromstring(draw_graph(Graph("t", texts, np.empty((0, 2), np.int64))))
    for node in root.findall("g"):
        (box,) = node.findall("rect")
        for line in node.iterfind(".//tspan"):
            letters = sum(2 if "가" <= letter <= "힣" else 1 for letter in line.text or "")
            assert 0 < letters * 0.605 * 13 <= float(box.get("width") or 0) - 8
            top, y = float(box.get("y") or 0), float(line.get("y") or 0)
            assert top + 10 < y < top + float(box.get("height") or 0) - 4
    assert "…" in "".join(root.itertext()) and "w" * 100 in "".join(root.itertext())


def test_in_a_page_it_has_the_pages_colours_and_alone_its_own() -> None:
    graph = Graph("t", ("x",), np.empty((0, 2), np.int64))
    inside, alone = draw_graph(graph), draw_graph(graph, alone=True)
    assert "<style" not in inside and "#" not in inside and "currentColor" in inside
    assert "prefers-color-scheme:dark" in alone and "xmlns" in alone


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (2, [(0, 1), (1, 0)], "has a cycle"),
        (1, [(0, 0)], "has a cycle"),
        (2, [(0, 2)], "an edge from 0 to 2, and there are 2 nodes"),
        (201, [], "201 nodes is not drawn: 200 are the most"),
    ],
)
def test_what_is_no_such_graph_is_refused(nodes: int, edges: Edges, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_graph(Graph("t", ("x",) * nodes, np.array(edges, np.int64).reshape(-1, 2)))

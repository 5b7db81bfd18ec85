"""Places for the boxes and edges of a directed graph without cycles, in layers from the top down.

The four steps of Sugiyama, Tagawa and Toda 1981, "Methods for visual understanding of hierarchical
system structures": a layer for each node; an order within each layer, by barycentres, so that few
edges cross; places near neighbours'; an edge over several layers goes through a place in each.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

GAP, LAYER_GAP = 26.0, 52.0
"""Between boxes side by side, and between layers."""
PASSAGE = 6.0
"""How wide the place is that an edge has in a layer it passes."""
SWEEPS = 8


class Box(NamedTuple):
    """Where a node stands: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """A graph laid out.

    Attributes:
        boxes: one for each node.
        routes: for each edge the points it goes through, (x, y): it enters and leaves each layer
            downwards.
        width: of all.
        height: of all.
    """

    boxes: tuple[Box, ...]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places for all nodes and edges; the same each time.

    Args:
        sizes: width and height of each node's box.
        edges: (from, to), numbers of nodes; the same edge may be there twice.

    Raises:
        ValueError: the graph has a cycle, or an edge of a node that is not there.
    """
    layer = _layers(len(sizes), edges)
    depth = max(layer, default=-1) + 1
    # What is placed: nodes, and behind them a passage for each layer that an edge passes.
    layers: list[list[int]] = [[] for _ in range(depth)]
    for node, at in enumerate(layer):
        layers[at].append(node)
    widths = [width for width, _ in sizes]
    chains = []
    for start, end in edges:
        chain = [start]
        for at in range(layer[start] + 1, layer[end]):
            layers[at].append(len(widths))
            chain.append(len(widths))
            widths.append(PASSAGE)
        chains.append([*chain, end])
    links = [pair for chain in chains for pair in pairwise(chain)]
    above: list[list[int]] = [[] for _ in widths]
    below: list[list[int]] = [[] for _ in widths]
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    _order(layers, above, below)
    middle = _place(layers, widths, above, below)

    heights = [max((sizes[i][1] for i in one if i < len(sizes)), default=0.0) for one in layers]
    tops = [sum(heights[:at]) + at * LAYER_GAP for at in range(depth)]
    left = min((middle[i] - widths[i] / 2 for i in range(len(widths))), default=0.0)
    middle = [x - left for x in middle]
    boxes = tuple(
        Box(middle[i] - widths[i] / 2, tops[layer[i]], widths[i], heights[layer[i]])
        for i in range(len(sizes))
    )
    routes = _routes(chains, boxes, layer, middle, tops, heights)
    width = max((middle[i] + widths[i] / 2 for i in range(len(widths))), default=0.0)
    return Layout(boxes, routes, width, tops[-1] + heights[-1] if depth else 0.0)


def _layers(nodes: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way to each node; but what begins there stands just above what it leads to."""
    parents: list[list[int]] = [[] for _ in range(nodes)]
    children: list[list[int]] = [[] for _ in range(nodes)]
    for start, end in edges:
        if not (0 <= start < nodes and 0 <= end < nodes):
            raise ValueError(f"there is an edge from {start} to {end}, and there are {nodes} nodes")
        parents[end].append(start)
        children[start].append(end)
    waiting = [len(each) for each in parents]
    ready = [node for node in range(nodes) if not waiting[node]]
    layer = [0] * nodes
    for node in ready:
        for child in children[node]:
            layer[child] = max(layer[child], layer[node] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(ready) < nodes:
        raise ValueError("the graph has a cycle: it cannot be drawn in layers")
    for node in range(nodes):
        if not parents[node] and children[node]:
            layer[node] = min(layer[child] for child in children[node]) - 1
    return layer


def _order(layers: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort each layer by the mean place of its neighbours, down and up in turn; keep the best."""
    best = [list(one) for one in layers]
    fewest = _crossings(layers, below)
    for sweep in range(SWEEPS):
        neighbours = below if sweep % 2 else above
        ordered = layers[::-1] if sweep % 2 else layers
        for fixed, one in pairwise(ordered):
            rank = {node: at for at, node in enumerate(fixed)}
            own = {node: at for at, node in enumerate(one)}
            one.sort(key=lambda node: _mean([rank[i] for i in neighbours[node]], own[node]))
        crossings = _crossings(layers, below)
        if crossings < fewest:
            best, fewest = [list(one) for one in layers], crossings
    layers[:] = best


def _crossings(layers: list[list[int]], below: list[list[int]]) -> int:
    crossings = 0
    for upper, lower in pairwise(layers):
        rank = {node: at for at, node in enumerate(lower)}
        before: list[int] = []
        for node in upper:
            ends = sorted(rank[child] for child in below[node])
            crossings += sum(len(before) - bisect_right(before, end) for end in ends)
            for end in ends:
                insort(before, end)
    return crossings


def _place(
    layers: list[list[int]], widths: list[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    """The middle of each thing: near the mean of its neighbours, in its order, with gaps."""
    middle = [0.0] * len(widths)
    for sweep in range(2 * SWEEPS + 1):
        neighbours = below if sweep % 2 else above
        for one in layers[::-1] if sweep % 2 else layers:
            wanted = [_mean([middle[i] for i in neighbours[node]], middle[node]) for node in one]
            for node, x in zip(one, _apart(wanted, [widths[node] for node in one]), strict=True):
                middle[node] = x
    return middle


def _apart(wanted: list[float], widths: list[float]) -> list[float]:
    """Middles as near as can be to those wanted (least squares) of which no two boxes overlap.

    With what must lie before each taken off, that is regression by a rising function, which pools
    neighbours that violate the order (Ayer et al. 1955).
    """
    before = [0.0]
    for left, right in pairwise(widths):
        before.append(before[-1] + (left + right) / 2 + GAP)
    pools: list[tuple[float, int]] = []  # the sum of each, and how many it holds
    for x, offset in zip(wanted, before, strict=True):
        total, count = x - offset, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            last = pools.pop()
            total, count = last[0] + total, last[1] + count
        pools.append((total, count))
    flat = [total / count for total, count in pools for _ in range(count)]
    return [x + offset for x, offset in zip(flat, before, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _routes(
    chains: list[list[int]],
    boxes: tuple[Box, ...],
    layer: list[int],
    middle: list[float],
    tops: list[float],
    heights: list[float],
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The points of each edge; edges into one box end side by side, in the order they come from."""
    entry = [0.0] * len(chains)
    into = sorted(range(len(chains)), key=lambda at: (chains[at][-1], middle[chains[at][-2]]))
    for end, group in groupby(into, key=lambda at: chains[at][-1]):
        edges = list(group)
        # A sixth of the box at least between two of a few, and all within its middle two thirds.
        apart = boxes[end].width * min(1 / 6, 2 / 3 / max(1, len(edges) - 1))
        for place, at in enumerate(edges):
            entry[at] = middle[end] + (place - (len(edges) - 1) / 2) * apart
    routes = []
    for at, (start, *passages, end) in enumerate(chains):
        points = [(middle[start], boxes[start].y + boxes[start].height)]
        for number, passage in enumerate(passages, layer[start] + 1):
            points += [(middle[passage], tops[number])]
            points += [(middle[passage], tops[number] + heights[number])]
        routes.append((*points, (entry[at], boxes[end].y)))
    return tuple(routes)

"""A graph of steps as SVG: a box for each, with lines of text, and arrows from the top down.

It takes its colours from the page's style sheet; as a file of its own it carries them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from research.engine.artifacts import Graph
from research.options.terminal import cut
from research.report.layers import Box, lay_out

LONGEST = 28
"""Characters of a line in a box; the whole stands in the box's tooltip."""
MOST_NODES = 200
_FONT, _LETTER, LINE, PAD = 13, 7.9, 17, 9
"""Of a monospaced font: its size, how wide a letter is at most, a line's height; space around."""
ARROW = 7
_FAMILY = "font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_OWN_STYLE = (
    "svg{color:#1d2127;background:#fff;--line-0:#0072b2}"
    "@media(prefers-color-scheme:dark){"
    "svg{color:#e6e8eb;background:#1d2127;--line-0:#5ab4ec}}"
)


def draw_graph(graph: Graph, *, alone: bool = False) -> str:
    """The graph as an `<svg>` element; the same graph always gives the same text.

    Args:
        graph: without cycles, of at most 200 nodes. A box's first line is bold, the second plain,
            those from the third on in a colour.
        alone: whether it is to be a file of its own.

    Raises:
        ValueError: it has more nodes, a cycle, or an edge of a node that is not there.
    """
    if len(graph.texts) > MOST_NODES:
        raise ValueError(
            f"a graph of {len(graph.texts)} nodes is not drawn: {MOST_NODES} are the most"
        )
    lines = [[cut(line, LONGEST) for line in text.split("\n")] for text in graph.texts]
    layout = lay_out(
        [box_size(each) for each in lines], [(int(start), int(end)) for start, end in graph.edges]
    )
    margin = 20 if alone else 2
    width, height = layout.width + 2 * margin, layout.height + 2 * margin
    head = f'<svg viewBox="{-margin} {-margin} {width:.0f} {height:.0f}" '
    head += f'width="{width:.0f}" height="{height:.0f}" role="{"img" if alone else "presentation"}"'
    if alone:
        head += f' xmlns="http://www.w3.org/2000/svg" aria-label="{escape(graph.title)}"'
    parts = [f'{head} style="{_FAMILY}; font-size: {_FONT}px">']
    if alone:
        parts.append(f"<style>{_OWN_STYLE}</style>")
    parts += [_edge(route) for route in layout.routes]
    parts += [
        _box(box, shown, text)
        for box, shown, text in zip(layout.boxes, lines, graph.texts, strict=True)
    ]
    return "\n".join([*parts, "</svg>"])


def box_size(lines: Sequence[str]) -> tuple[float, float]:
    """Width and height of a box that holds some lines."""
    return max(map(_columns, lines)) * _LETTER + 2 * PAD, len(lines) * LINE + 2 * PAD


def _columns(line: str) -> int:
    """How many letters wide a line is: Chinese, Korean and Japanese ones are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


def _edge(route: tuple[tuple[float, float], ...]) -> str:
    """A line that leaves and enters downwards, and ends in an arrow's head."""
    (x, y), *rest = route
    end_x, end_y = rest[-1]
    rest[-1] = (end_x, end_y - ARROW)
    path = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in rest:
        half = (y + to_y) / 2
        path += f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    head = f"M{end_x:.1f} {end_y:.1f}l-4 {-ARROW}h8Z"
    return (
        f'<g class="edge"><path d="{path}" style="fill: none; stroke: currentColor; '
        f'stroke-opacity: .55; stroke-width: 1.3"/><path d="{head}" '
        f'style="fill: currentColor; fill-opacity: .75"/></g>'
    )


def _box(box: Box, lines: list[str], text: str) -> str:
    x, top = box.x + box.width / 2, box.y + (box.height - len(lines) * LINE) / 2
    spans = "".join(
        f'<tspan x="{x:.1f}" y="{top + (at + 0.75) * LINE:.1f}" style="{_look(at)}">'
        f"{escape(line)}</tspan>"
        for at, line in enumerate(lines)
    )
    return (
        f'<g class="node"><title>{escape(text)}</title><rect x="{box.x:.1f}" y="{box.y:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="7" style="fill: currentColor; '
        f'fill-opacity: .05; stroke: currentColor; stroke-opacity: .4"/>'
        f'<text style="text-anchor: middle; fill: currentColor; white-space: pre">{spans}</text>'
        "</g>"
    )


def _look(line: int) -> str:
    if line == 0:
        return "font-weight: 650"
    return "" if line == 1 else "fill: var(--line-0)"

"""Plots as inline SVG that takes its colours from the page's style sheet, light or dark."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from research.runs.intervals import UNBOUNDED, Bounds, ends_of

COLOURS = 8
"""How many colours the style sheet has for lines: `--line-0` to `--line-7`."""
DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
"""Line styles: a second cycle of colours is dashed."""
# Colours that no page has: each is replaced by a variable of the style sheet.
_TEXT, _GRID, _CARD = "#010203", "#010204", "#010205"
_LOG_FROM = 30.0


class Line(NamedTuple):
    """One line of a plot.

    Attributes:
        name: for people.
        x: float `[points]`.
        y: float `[points]`; NaN leaves a gap.
        half: half the width of its band, float `[points]`, or None.
        colour: which of the page's colours.
        dash: which of `DASHES`.
        mark: whether it is shown as marks instead of a line; as small dots where it is faint.
        faint: whether it stays behind the others.
        bounds: what its values can be; a band is cut there.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    half: np.ndarray | None = None
    colour: int = 0
    dash: int = 0
    mark: bool = False
    faint: bool = False
    bounds: Bounds = UNBOUNDED


def _line_colour(number: int) -> str:
    return f"#0102{16 + number % COLOURS:02x}"


@contextmanager
def _style(salt: str) -> Iterator[Any]:
    """The settings of matplotlib for one plot; yields its module."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    import matplotlib

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 10,
        "text.color": _TEXT,
        "axes.labelcolor": _TEXT,
        "axes.edgecolor": _TEXT,
        "xtick.color": _TEXT,
        "ytick.color": _TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": _GRID,
        "grid.linewidth": 0.6,
        "axes.formatter.limits": (-5, 6),
        "axes.formatter.useoffset": False,
        "axes.unicode_minus": True,
        "lines.linewidth": 1.6,
        "lines.solid_joinstyle": "round",
    }
    with matplotlib.rc_context(settings):
        yield matplotlib


def plot_lines(
    lines: Sequence[Line],
    *,
    name: str,
    x_label: str,
    title: str = "",
    size: tuple[float, float] = (4.4, 2.7),
) -> str:
    """Lines with their bands over one axis.

    The vertical axis is logarithmic where all values are positive and far apart.

    Args:
        lines: what to draw.
        name: tells this plot's ids from those of others on the page.
        x_label: under the axis.
        title: above it, or "".
        size: inches; the page makes it as wide as there is room.

    Returns:
        An `<svg>` element. It holds no colours: `currentColor`, `--grid` and `--line-0` to
        `--line-7`. The same arguments give the same text.
    """
    with _style(name):
        figure, axes = _figure(size)
        for line in lines:
            _draw(axes, line)
        if _spread(lines) >= _LOG_FROM:
            axes.set_yscale("log")
            # Bands may reach below 0, where a logarithm does not go.
            known = np.concatenate([line.y[np.isfinite(line.y)] for line in lines])
            axes.set_ylim(known.min() / 1.4, known.max() * 1.4)
            _plain_powers(axes.yaxis, float(known.max() / known.min()))
        axes.set_xlabel(x_label)
        axes.set_title(title, fontsize=10, loc="left")
        return _svg(figure)


def _draw(axes: Any, line: Line) -> None:
    colour = _line_colour(line.colour)
    if line.mark and line.faint:
        axes.plot(line.x, line.y, "o", color=colour, markersize=2.4, markeredgewidth=0, zorder=1.5)
        return
    if line.mark or np.isfinite(line.y).sum() == 1:
        axes.plot(line.x, line.y, "D", color=colour, markersize=5.5, zorder=4)
        if line.half is not None and np.isfinite(line.half).any():
            low, high, _ = ends_of(line.y, line.half, line.bounds)
            around = np.stack([line.y - low, high - line.y])
            axes.errorbar(line.x, line.y, around, color=colour, capsize=3, linewidth=1, zorder=3)
        return
    if line.half is not None and np.isfinite(line.half).any():
        low, high, _ = ends_of(line.y, line.half, line.bounds)
        axes.fill_between(line.x, low, high, color=colour, alpha=0.2, linewidth=0)
    style: Any = DASHES[line.dash % len(DASHES)]
    width, order = (1.0, 1.5) if line.faint else (1.6, 2)
    alpha = 0.55 if line.faint else None
    axes.plot(
        line.x, line.y, color=colour, linestyle=style, linewidth=width, zorder=order, alpha=alpha
    )


def _plain_powers(axis: Any, spread: float) -> None:
    """Ticks such as 0.01, 0.02, 0.05 in place of powers of ten, which would be set as formulas."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if spread < 300 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _spread(lines: Sequence[Line]) -> float:
    """How many times the smallest value goes into the largest; 0 where not all are positive."""
    known = [line.y[np.isfinite(line.y)] for line in lines]
    values = np.concatenate([*known, np.empty(0)])
    if not len(values) or values.min() <= 0:
        return 0.0
    return float(values.max() / values.min())


def plot_histogram(
    values: np.ndarray, *, name: str, x_label: str, size: tuple[float, float] = (4.4, 2.5)
) -> str:
    """Counts of values in bins that all groups share, the groups side by side.

    Args:
        values: float `[groups, values]`; what is not finite is left out.
        name: as in `plot_lines`.
        x_label: under the axis.
        size: inches.
    """
    with _style(name):
        figure, axes = _figure(size)
        groups = [row[np.isfinite(row)] for row in values]
        everything = np.concatenate([*groups, np.empty(0)])
        if len(everything):
            low, high = float(everything.min()), float(everything.max())
            if high - low < 1e-9 * max(1.0, abs(high)):
                # All the same: a bar of some width about the one value.
                around = max(0.05 * abs(high), 0.5)
                low, high = low - 2.5 * around, high + 2.5 * around
            edges = np.linspace(low, high, 6 if len(np.unique(everything)) == 1 else 21)
            width = (edges[1] - edges[0]) / (len(groups) + 0.25)
            for number, group in enumerate(groups):
                counts, _ = np.histogram(group, edges)
                axes.bar(
                    edges[:-1] + (number + 0.625) * width,
                    counts,
                    width,
                    color=_line_colour(number),
                )
        axes.grid(visible=False, axis="x")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel(x_label)
        axes.set_ylabel("episodes" if "episode" in x_label else "count")
        return _svg(figure)


def plot_points(
    places: np.ndarray,
    label: np.ndarray,
    classes: Sequence[str],
    *,
    name: str,
    title: str,
    size: tuple[float, float] = (4.4, 3.8),
) -> str:
    """A map of points in the colours of their classes, whose names stand in the midst of them.

    Args:
        places: float `[points, 2]`; what is not finite is left out.
        label: int `[points]`.
        classes: names; a second cycle of colours is of rings.
        name: as in `plot_lines`.
        title: above it.
        size: inches.
    """
    with _style(name):
        figure, axes = _figure(size)
        axes.grid(visible=False)
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=10, loc="left")
        words, middles = [], []
        for number, word in enumerate(classes):
            own = places[label == number]
            own = own[np.isfinite(own).all(axis=1)]
            colour, ring = _line_colour(number), number >= COLOURS
            axes.plot(
                *own.T, "o", color=colour, markersize=3, markeredgewidth=0.7 * ring,
                markerfacecolor="none" if ring else colour, alpha=0.8,
            )  # fmt: skip
            if len(own):
                words.append(word)
                middles.append(np.median(own, axis=0))
        if words:
            behind = {"facecolor": _CARD, "edgecolor": "none", "alpha": 0.75, "pad": 1}
            axes.autoscale_view()  # else the transform is that of empty axes
            to_inches = axes.transData - figure.dpi_scale_trans
            widths = np.array([0.07 * len(word) for word in words])
            spread = move_apart(to_inches.transform(np.array(middles)), widths)
            for place, word in zip(to_inches.inverted().transform(spread), words, strict=True):
                axes.text(*place, word, bbox=behind, fontsize=9, ha="center", va="center",
                          zorder=4)  # fmt: skip
        return _svg(figure)


def move_apart(places: np.ndarray, widths: np.ndarray, height: float = 0.17) -> np.ndarray:
    """The middles of words `[words, 2]`, moved up or down until hardly any covers another.

    Args:
        places: in any unit, upwards.
        widths: of the words, in the same unit.
        height: of each.
    """
    places = places.astype(float)
    order = np.sign(np.arange(len(places))[:, None] - np.arange(len(places)))
    beside = 0.5 * (widths[:, None] + widths)
    for _ in range(100):
        across, up = np.moveaxis(places[:, None] - places, 2, 0)
        lack = np.where((np.abs(across) < beside) & (order != 0), height - np.abs(up), 0.0)
        if np.max(lack, initial=0.0) < 1e-3 * height:
            break
        direction = np.where(up == 0, order, np.sign(up))
        places[:, 1] += 0.4 * np.sum(direction * np.maximum(lack, 0.0), axis=1)
    return places


def _figure(size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    FigureCanvasSVG(figure)
    # Margins in inches: a layout that measures its texts takes five times as long.
    width, height = size
    figure.subplots_adjust(0.68 / width, 0.46 / height, 1 - 0.1 / width, 1 - 0.24 / height)
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    # More numbers of six digits than this run into one another.
    axes.locator_params(axis="x", nbins=5)
    return figure, axes


def _svg(figure: Any) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<(metadata|style).*?</\1>", "", text, flags=re.DOTALL)
    # Groups are numbered alike in every plot, and ids may stand once on a page.
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = re.sub(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" role="presentation">',
                  text, count=1)  # fmt: skip
    # The page's own fonts; their size stays the plot's.
    text = re.sub(r"; font-family: [^;\"]*", "", text)
    text = text.replace(_TEXT, "currentColor").replace(_GRID, "var(--grid)")
    text = text.replace(_CARD, "var(--card)")
    for number in range(COLOURS):
        text = text.replace(_line_colour(number), f"var(--line-{number})")
    return re.sub(r"\n\s*", "\n", text)


_METADATA = ("Date", "Creator", "Format", "Type")

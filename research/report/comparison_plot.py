"""A picture of a comparison: the course of each group, and its final figure with interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.report.bounds import UNBOUNDED, Bounds, bounds_of, ends_of
from research.report.comparison import Comparison, Group
from research.statistics import spread

FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a4c93", "#555555")
"""Okabe and Ito's, which the colour-blind tell apart; then grey."""
_FAINT_UP_TO = 10
"""Seeds of a group that are drawn one by one beside their mean."""


class Course(NamedTuple):
    """How a figure went in one group.

    Attributes:
        letter: the group's.
        curves: one a seed, step -> figure.
        bounds: what the figure can be.
    """

    letter: str
    curves: Sequence[Mapping[int, float]]
    bounds: Bounds = UNBOUNDED


def bands(
    curves: Sequence[Mapping[int, float]], bounds: Bounds = UNBOUNDED
) -> dict[int, tuple[float, float, float]]:
    """Step -> (mean, low, high) at the steps that all seeds report; the interval is Student's.

    It is cut at what the figure can be. Where a group has one seed, or values that are not finite,
    low and high are the mean.
    """
    shared = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    found = {}
    for step in shared:
        at = spread([curve[step] for curve in curves])
        low, high, _ = ends_of(at.mean, at.half or 0.0, bounds)
        found[step] = (at.mean, float(low), float(high))
    return found


def draw(
    path: Path,
    groups: Sequence[Group],
    labels: Mapping[str, str],
    comparison: Comparison,
    course_name: str | None,
    courses: Sequence[Course],
    unit: str = "step",
) -> None:
    """Write the picture; its format is that of the file's ending.

    Args:
        path: ends in one of `FORMATS`.
        groups: what is compared.
        labels: letter -> what the legend says.
        comparison: the figures.
        course_name: the figure whose course is drawn, or None for none.
        courses: its curves, in the groups' order.
        unit: what they go by.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e4e4e4",
        "axes.axisbelow": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "encore",
        "text.parse_math": False,
    }
    colours = {one.letter: COLOURS[at % len(COLOURS)] for at, one in enumerate(groups)}
    with matplotlib.rc_context(settings):
        lines = 2 + max(label.count(",") for label in labels.values())
        height = max(3.6, 1.2 + (0.15 + 0.17 * lines) * len(groups))
        figure = Figure(figsize=(10.5 if course_name else 6, height), layout="constrained")
        FigureCanvasAgg(figure)
        if course_name:
            left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
            _draw_courses(left, course_name, courses, colours, labels)
            left.set_xlabel(unit)
        else:
            right = figure.subplots()
        _draw_figures(right, groups, comparison, colours, labels)
        # No date: the same runs make the same file.
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
        figure.savefig(path, dpi=150, metadata=metadata)


def _draw_courses(
    axes: Any,
    name: str,
    courses: Sequence[Course],
    colours: Mapping[str, str],
    labels: Mapping[str, str],
) -> None:
    for letter, curves, bounds in courses:
        curves = [curve for curve in curves if curve]
        colour, middle = colours[letter], bands(curves, bounds)
        if len(curves) <= _FAINT_UP_TO or len(middle) < 2:
            for curve in curves:
                steps = sorted(curve)
                axes.plot(steps, [curve[step] for step in steps], color=colour, alpha=0.3,
                          linewidth=0.7)  # fmt: skip
        if len(middle) < 2:
            continue
        steps = list(middle)
        mean, low, high = zip(*middle.values(), strict=True)
        axes.plot(steps, mean, color=colour, linewidth=1.8, label=labels[letter])
        axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set_title(_spell(name), loc="left", fontweight="bold")
    axes.margins(x=0.01)
    _narrow_to_means(axes, courses)


def _narrow_to_means(axes: Any, courses: Sequence[Course]) -> None:
    """Let a band of few seeds leave the picture rather than flatten all curves."""
    values = [value for it in courses for curve in it.curves for value in curve.values()]
    finite = sorted(value for value in values if abs(value) < float("inf"))
    if finite and finite[0] < finite[-1]:
        space = 0.06 * (finite[-1] - finite[0])
        axes.set_ylim(finite[0] - space, finite[-1] + space)


def _draw_figures(
    axes: Any,
    groups: Sequence[Group],
    comparison: Comparison,
    colours: Mapping[str, str],
    labels: Mapping[str, str],
) -> None:
    places = list(range(len(groups)))[::-1]
    for place, one in zip(places, groups, strict=True):
        found = comparison.spreads[one.letter]
        values = list(one.values(comparison.metric).values())
        axes.scatter(values, [place - 0.16] * len(values), s=14, color=colours[one.letter],
                     alpha=0.35, linewidth=0)  # fmt: skip
        if not found.n:
            continue
        low, high, _ = ends_of(
            found.mean, found.half or 0.0, bounds_of(comparison.metric, one.config)
        )
        around = [[found.mean - low], [high - found.mean]]
        axes.errorbar([found.mean], [place], xerr=around, fmt="o", color=colours[one.letter],
                      capsize=4, markersize=7, linewidth=1.8)  # fmt: skip
    axes.set_yticks(places, [_tick(one, labels, comparison) for one in groups])
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="y", visible=False)
    axes.set_title(_spell(comparison.metric), loc="left", fontweight="bold")
    direction = {True: "\nhigher is better", False: "\nlower is better", None: ""}
    axes.set_xlabel(f"mean and 95 % interval{direction[comparison.larger_is_better]}")


def _tick(one: Group, labels: Mapping[str, str], comparison: Comparison) -> str:
    n = comparison.spreads[one.letter].n
    best = ", best" if one.letter == comparison.best else ""
    label = labels[one.letter].replace(", ", "\n")
    return f"{label}\n{n} seed{'' if n == 1 else 's'}{best}"


def _spell(name: str) -> str:
    return name.replace("/", " ").replace("_", " ")

"""A picture of a comparison: the course of each group, and its final figure with interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from research.runs.comparison import Comparison
from research.runs.grouping import ENVIRONMENT_STEPS, Group, environment_steps
from research.runs.intervals import band, bounds_of, course_name, ends_of
from research.runs.run import Curve
from research.runs.spelling import spell_name

FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a4c93", "#555555")
"""Okabe and Ito's, which the colour-blind tell apart; then grey."""
_FAINT_UP_TO = 10
"""Seeds of a group that are drawn one by one beside their mean."""


def draw(path: Path, groups: Sequence[Group], comparison: Comparison) -> None:
    """Write the picture; its format is that of the file's ending.

    Courses go by environment steps where all groups count those.

    Args:
        path: ends in one of `FORMATS`.
        groups: what is compared, of runs with their curves.
        comparison: the figures.
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
    labels = {one.letter: f"{one.letter}: {one.label}" for one in groups}
    name = course_name(comparison.metric, (m for one in groups for m in one.members))
    colours = {one.letter: COLOURS[at % len(COLOURS)] for at, one in enumerate(groups)}
    with matplotlib.rc_context(settings):
        lines = 2 + max(label.count(",") for label in labels.values())
        height = max(3.6, 1.2 + (0.15 + 0.17 * lines) * len(groups))
        figure = Figure(figsize=(10.5 if name else 6, height), layout="constrained")
        FigureCanvasAgg(figure)
        if name:
            left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
            _draw_courses(left, name, groups, colours, labels)
        else:
            right = figure.subplots()
        _draw_figures(right, groups, comparison, colours, labels)
        # No date: the same runs make the same file.
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
        figure.savefig(path, dpi=150, metadata=metadata)


def _draw_courses(
    axes: Any,
    name: str,
    groups: Sequence[Group],
    colours: Mapping[str, str],
    labels: Mapping[str, str],
) -> None:
    each = environment_steps(groups)
    everything: list[Curve] = []
    for one, unit in zip(groups, each or [1] * len(groups), strict=True):
        curves = [member.curves[name] for member in one.members if name in member.curves]
        if not curves:
            continue
        everything += curves
        middle, colour = band(curves), colours[one.letter]
        if len(curves) <= _FAINT_UP_TO or len(middle.steps) < 2:
            for curve in curves:
                axes.plot(unit * curve.steps, curve.values, color=colour, alpha=0.3, linewidth=0.7)
        if len(middle.steps) < 2:
            continue
        low, high, _ = ends_of(middle.mean, middle.half, bounds_of(name, one.config))
        steps = unit * middle.steps
        axes.plot(steps, middle.mean, color=colour, linewidth=1.8, label=labels[one.letter])
        axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set_xlabel("step" if each is None else ENVIRONMENT_STEPS)
    axes.set_title(spell_name(name), loc="left", fontweight="bold")
    axes.margins(x=0.01)
    _narrow_to_values(axes, everything)


def _narrow_to_values(axes: Any, curves: Sequence[Curve]) -> None:
    """Let a band of few seeds leave the picture rather than flatten all curves."""
    values = np.concatenate([curve.values for curve in curves])
    low, high = np.nanmin(values), np.nanmax(values)
    if low < high:
        space = 0.06 * (high - low)
        axes.set_ylim(low - space, high + space)


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
    axes.set_title(spell_name(comparison.metric), loc="left", fontweight="bold")
    direction = {True: "\nhigher is better", False: "\nlower is better", None: ""}
    axes.set_xlabel(f"mean and 95 % interval{direction[comparison.larger_is_better]}")


def _tick(one: Group, labels: Mapping[str, str], comparison: Comparison) -> str:
    n = comparison.spreads[one.letter].n
    best = ", best" if one.letter == comparison.best else ""
    label = labels[one.letter].replace(", ", "\n")
    return f"{label}\n{n} seed{'' if n == 1 else 's'}{best}"

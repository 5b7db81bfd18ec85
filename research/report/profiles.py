"""How the returns of several seeds are spread: what their mean and its interval leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from research.engine.result import spread
from research.report import plots
from research.report.curve_plots import Key, Plot
from research.report.plots import Line
from research.runs.grouping import Group
from research.runs.robust import FEWEST, interquartile_mean, performance_profile, spell_coverage
from research.runs.spelling import spell_figure

RETURN = "evaluation/episode_return"
"""The figure whose spread is shown, of experiments that have it."""


class Profile(NamedTuple):
    """A performance profile with what it comes to in words.

    Attributes:
        plot: the share of runs above each return.
        words: a sentence for each group.
    """

    plot: Plot
    words: list[str]


def make_profile(groups: Sequence[Group]) -> Profile | None:
    """The profile of every group of two or more seeds; None where there is none."""
    found = [(number, group, returns_of(group)) for number, group in enumerate(groups)]
    found = [(number, group, values) for number, group, values in found if len(values) > 1]
    if not found:
        return None
    everything = [value for _, _, values in found for value in values]
    low, high = min(everything), max(everything)
    around = 0.05 * (high - low) or max(0.01 * abs(high), 0.5)
    lines, words = [], []
    for number, group, values in found:
        name = group.label if len(groups) > 1 else f"{len(values)} seeds"
        x, y = steps_of(values, low - around, high + around)
        lines.append(Line(name, x, y, None, number, number // plots.COLOURS * 2))
        words.append(describe(name if len(groups) > 1 else "", values))
    svg = plots.plot_lines(lines, name="profile", x_label="return τ")
    legend = [Key(line.name, line.colour, line.dash, line.mark, line.faint) for line in lines]
    plot = Plot("share of runs whose return is above τ", legend, svg, " ".join(words), False)
    return Profile(plot, words)


def returns_of(group: Group) -> list[float]:
    """The final return of each seed that has one."""
    return [value for value in group.values(RETURN).values() if math.isfinite(value)]


def steps_of(values: Sequence[float], low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a profile between two ends beyond all values, float64 `[2 + 2 levels]`."""
    levels, shares = performance_profile(values)
    x = np.concatenate([[low], np.repeat(levels, 2), [high]])
    return x, np.repeat([1.0, *shares], 2)


def describe(label: str, values: Sequence[float]) -> str:
    """What the returns of some seeds come to, in a sentence."""
    middle, whole = interquartile_mean(values), spread(values)
    parts = [f"{len(values)} seeds from {spell_figure(min(values))} to {spell_figure(max(values))}"]
    if len(values) >= FEWEST:
        ends = f"{spell_figure(middle.low)} to {spell_figure(middle.high)}"
        covers = spell_coverage(middle)
        parts.append(
            f"interquartile mean {spell_figure(middle.mean)} (95 % bootstrap interval {ends}"
            f"{f'; {covers}' if covers else ''})"
        )
    parts.append(f"standard deviation {spell_figure(whole.standard_deviation)}")
    return f"{label}: {', '.join(parts)}." if label else f"{', '.join(parts)}."

"""The plots of a report: the course of each figure, and how the returns of seeds are spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from research.engine.result import spread
from research.engine.selection import rank
from research.report import plots
from research.report.plots import Line
from research.runs.grouping import ENVIRONMENT_STEPS, Group, environment_steps
from research.runs.intervals import band, bounds_of, ends_of
from research.runs.robust import FEWEST, interquartile_mean, performance_profile, spell_coverage
from research.runs.spelling import spell_figure

SPLIT_COLOURS = {"train": 0, "validation": 1, "evaluation": 1, "test": 2}
"""Split -> its colour where there is one group; others have one of the rest."""


class Key(NamedTuple):
    """A line of a legend, drawn as the plot draws it."""

    name: str
    colour: int
    dash: int
    mark: bool
    faint: bool


class Plot(NamedTuple):
    """A plot with what stands around it.

    Attributes:
        title: the figure.
        legend: its lines.
        svg: the drawing.
        description: in words, for those who cannot see it.
        banded: whether bands are drawn.
        cut: whether a band would reach beyond what the figure can be, and is cut there.
    """

    title: str
    legend: list[Key]
    svg: str
    description: str
    banded: bool
    cut: bool = False


def make_plots(groups: Sequence[Group], metric: str = "") -> list[Plot]:
    """A plot of each figure that has a course: the one that matters, the loss, the others.

    By environment steps where all groups count those, so that algorithms whose updates are of
    different lengths stand side by side; else by updates.

    Args:
        groups: what to draw.
        metric: full name of the figure that matters.
    """
    names = {name for group in groups for member in group.members for name in member.curves}
    first = metric.rpartition("/")[2]
    bases: dict[str, list[str]] = {}
    for name in sorted(names, key=rank):
        bases.setdefault(name.rpartition("/")[2], []).append(name)
    order = sorted(bases, key=lambda base: (base != first, base != "loss"))
    made = (make_plot(base, bases[base], groups) for base in order)
    return [plot for plot in made if plot is not None]


def make_plot(base: str, names: Sequence[str], groups: Sequence[Group]) -> Plot | None:
    """All splits and groups of one figure, such as `loss`; None where it has no finite value.

    One group has a colour for each split. Of several, each has a colour, and training is dashed.
    """
    lines: list[Line] = []
    each = environment_steps(groups)
    unit = "step" if each is None else ENVIRONMENT_STEPS
    finals = _final_names(base, groups, names)
    everything = sorted([*names, *finals], key=rank, reverse=True)
    for number, group in enumerate(groups):
        for place, name in enumerate(everything):
            split = name.rpartition("/")[0] or "value"
            several = len(groups) > 1
            look: dict[str, Any] = {
                "bounds": bounds_of(name, group.config),
                "name": f"{group.label}: {split}" if several else split,
                "colour": number if several else SPLIT_COLOURS.get(split, 3 + place),
                "dash": number // plots.COLOURS * 2 + (split == "train") if several else 0,
                "faint": split == "train" and len(everything) > 1,
            }
            line = _final_line(group, name, look) if name in finals else _line(group, name, look)
            if line is not None and np.isfinite(line.y).any():
                lines.append(line if each is None else line._replace(x=each[number] * line.x))
    if not lines:
        return None
    legend = legend_of(lines)
    svg = plots.plot_lines(lines, name=f"curve-{base}", x_label=unit)
    banded = any(line.half is not None and np.isfinite(line.half).any() for line in lines)
    cut = any(
        line.half is not None and ends_of(line.y, line.half, line.bounds).cut for line in lines
    )
    words = describe(base, lines, unit)
    return Plot(base.replace("_", " "), legend, svg, words, banded, cut)


def legend_of(lines: Sequence[Line]) -> list[Key]:
    """A line of the legend for each of the plot."""
    return [Key(line.name, line.colour, line.dash, line.mark, line.faint) for line in lines]


def _final_names(base: str, groups: Sequence[Group], names: Sequence[str]) -> list[str]:
    """Figures of that name which only the result has: those of the test split."""
    found = {name for group in groups for member in group.members for name in member.metrics}
    return [name for name in found if name.rpartition("/")[2] == base and name not in names]


def _line(group: Group, name: str, look: Mapping[str, object]) -> Line | None:
    members = [member.curves[name] for member in group.members if name in member.curves]
    if not members:
        return None
    drawn = band(members)
    return Line(x=drawn.steps, y=drawn.mean, half=drawn.half, **look)  # type: ignore[arg-type]


def _final_line(group: Group, name: str, look: Mapping[str, object]) -> Line | None:
    found = spread(list(group.values(name).values()))
    if not found.n:
        return None
    step = max(run.step for run in group.runs)
    return Line(
        x=np.array([step]),
        y=np.array([found.mean]),
        half=None if found.half is None else np.array([found.half]),
        mark=True,
        **{**look, "faint": False},  # type: ignore[arg-type]
    )


def describe(base: str, lines: Sequence[Line], unit: str = "step") -> str:
    """What a plot shows: where each line begins and ends."""

    def place(at: float) -> str:
        return f"at step {at:,}" if unit == "step" else f"after {at:,} {unit}"

    parts = []
    for line in lines:
        known = np.flatnonzero(np.isfinite(line.y))
        start, end = (float(line.y[known[at]]) for at in (0, -1))
        if len(known) == 1:
            parts.append(f"{line.name} is {spell_figure(end)} {place(line.x[known[0]])}")
        else:
            parts.append(
                f"{line.name} goes from {spell_figure(start)} {place(line.x[known[0]])} to "
                f"{spell_figure(end)} {place(line.x[known[-1]])}"
            )
    return f"{base.replace('_', ' ')} by {unit}: {'; '.join(parts)}."


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
        words.append(describe_returns(name if len(groups) > 1 else "", values))
    svg = plots.plot_lines(lines, name="profile", x_label="return τ")
    legend = legend_of(lines)
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


def describe_returns(label: str, values: Sequence[float]) -> str:
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

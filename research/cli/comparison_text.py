"""A comparison in a terminal: what the groups are, their figures, and whether they differ."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from research.cli.table import Column, print_table
from research.cli.terminal import make_console, width
from research.options.convert import spell
from research.report.bounds import UNBOUNDED, Bounds, bounds_of, ends_of
from research.report.comparison import ABSENT, Comparison, Group, decimals_of, differing_fields
from research.report.provenance import spell_seeds
from research.robust import Middle, spell_coverage
from research.statistics import Spread

_FIELDS_BESIDE = 5
"""Differing fields that stand beside the groups; more of them have a table of their own."""
_MOST_ROWS = 40
"""Rows of figures that are shown without being asked for."""


def print_comparison(
    groups: Sequence[Group],
    chosen: Comparison,
    others: Sequence[Comparison],
    differing: Mapping[str, Sequence[Any]],
    notes: Sequence[str],
    file: TextIO,
) -> None:
    """Print groups, figures, sentences and notes.

    Args:
        groups: what is compared.
        chosen: by the metric that was asked for.
        others: by the other metrics.
        differing: field -> its value in each group.
        notes: sentences.
        file: where to.
    """
    console = make_console(file)
    console.print("Groups", style="bold")
    beside = len(differing) <= _FIELDS_BESIDE
    print_table(_group_columns(groups, differing if beside else {}), file)
    if not beside:
        console.print()
        console.print("Config fields that differ", style="bold")
        print_table(_field_columns(groups, differing), file)
    if len(groups) > 1 and not differing:
        console.print("the configs are the same", style="dim")
    console.print()
    console.print("Figures", style="bold", end="")
    fits = (len(others) + 1) * len(groups) <= _MOST_ROWS
    shown = [chosen, *(others if fits else ())]
    cut = any(
        ends_of(at.mean, at.half or 0.0, bounds_of(found.metric, one.config)).cut
        for found in shown
        for one in groups
        if (at := found.spreads[one.letter]).n
    )
    console.print(
        "   mean over seeds, with its 95 % interval (Student's t"
        f"{', cut at what a figure can be' if cut else ''})",
        style="dim",
    )
    middles = [middle for found in shown for middle in found.middles.values()]
    if middles:
        covers = next(filter(None, map(spell_coverage, sorted(middles, key=lambda it: it.n))), "")
        _wrap(
            "IQM: mean of the middle half of the seeds, with its bootstrap interval"
            f"{f'; {covers}' if covers else ''}",
            file,
            "dim",
        )
    print_table(_figure_columns(groups, shown), file)
    if not fits:
        names = ", ".join(found.metric for found in others)
        _wrap(f"--metric takes these too: {names}; --json has all", file, "dim")
    if len(groups) > 1:
        console.print()
        name = chosen.metric.replace("/", " ").replace("_", " ")
        console.print(f"Do they differ in {name}?", style="bold", markup=False)
        for pair in chosen.told():
            style = "green" if pair.test.shown else ""
            _wrap(pair.sentence, file, style)
        untold = len(chosen.pairs) - len(chosen.told())
        if untold:
            _wrap(
                f"{untold} more pairs, without the best group: --json has them; the correction "
                "counts them all.",
                file,
                "dim",
            )
    for note in notes:
        _wrap(f"note: {note}", file, "yellow")


def _wrap(text: str, file: TextIO, style: str = "") -> None:
    console = make_console(file)
    for at, line in enumerate(textwrap.wrap(text, max(min(width(file), 100) - 4, 30))):
        console.print(f"  {'' if at == 0 else '  '}{line}", style=style or None, markup=False)


def _group_columns(groups: Sequence[Group], differing: Mapping[str, Sequence[Any]]) -> list[Column]:
    runs = [len({sample.origin for sample in one.samples}) for one in groups]
    columns = [Column("group", [one.letter for one in groups], "bold cyan")]
    columns.append(
        Column("experiment", [one.experiment for one in groups],
               shorter=[(2, [one.experiment.rpartition("/")[2] for one in groups]), (4, None)])
    )  # fmt: skip
    columns.append(Column("seeds", [spell_seeds(one.seeds) for one in groups]))
    columns.append(Column("runs", [str(n) for n in runs], right=True, shorter=[(1, None)]))
    if len({one.initial for one in groups}) > 1:
        columns.append(
            Column("starts from", [one.initial[:8] or "its own" for one in groups], "bold yellow")
        )
    if any(one.data for one in groups):
        columns.append(Column("data", [one.data for one in groups], "bold yellow"))
    for name, values in differing.items():
        cells = [spell_value(value) for value in values]
        columns.append(Column(name.replace("_", "-"), cells, "bold yellow"))
    return columns


def _field_columns(groups: Sequence[Group], differing: Mapping[str, Sequence[Any]]) -> list[Column]:
    columns = [Column("field", [name.replace("_", "-") for name in differing])]
    for at, one in enumerate(groups):
        cells = [spell_value(values[at]) for values in differing.values()]
        columns.append(Column(one.letter, cells, "bold yellow"))
    return columns


def _figure_columns(groups: Sequence[Group], comparisons: Sequence[Comparison]) -> list[Column]:
    metrics, letters, counts, means, intervals, deviations = ([] for _ in range(6))
    middles, marks, styles = ([] for _ in range(3))
    for found in comparisons:
        rows = [one for one in groups if found.spreads[one.letter].n or found is comparisons[0]]
        for at, one in enumerate(rows):
            spread = found.spreads[one.letter]
            best = one.letter == found.best
            metrics.append("" if at else found.metric)
            letters.append(one.letter)
            lost = f" of {spread.n + spread.nonfinite}" if spread.nonfinite else ""
            counts.append(f"{spread.n}{lost}")
            mean, interval, deviation = spell_parts(spread, bounds_of(found.metric, one.config))
            means.append(mean)
            intervals.append(interval)
            deviations.append(deviation)
            middles.append(spell_middle(found.middles.get(one.letter)))
            marks.append("best" if best else "")
            styles.append("bold green" if best else "")
    robust = Column("IQM", middles, shorter=[(1, None)])
    return [
        Column("metric", metrics, "bold"),
        Column("group", letters, "cyan"),
        Column("seeds", counts, right=True),
        Column("mean", means, styles=styles, right=True),
        Column("95 % interval", intervals),
        Column("st. dev.", deviations, right=True, shorter=[(2, None)]),
        *([robust] if any(middles) else []),
        Column("", marks, "bold green"),
    ]


def spell_parts(found: Spread, bounds: Bounds = UNBOUNDED) -> tuple[str, str, str]:
    """Mean, interval and standard deviation with as many digits as the interval bears.

    The interval is cut at what the figure can be.
    """
    if not found.n:
        return ("not finite" if found.nonfinite else "-"), "", ""
    if found.low is None or found.high is None or found.standard_deviation is None:
        return f"{found.mean:.4g}", "one seed", ""
    if not found.half:
        return f"{found.mean:.4g}", "all the same", "0"
    decimals = decimals_of(found.half)
    ends = ends_of(found.mean, found.half, bounds)
    mean, low, high = (f"{value:.{decimals}f}" for value in (found.mean, ends.low, ends.high))
    return mean, f"{low} to {high}", f"{found.standard_deviation:.{decimals}f}"


def spell_middle(found: Middle | None) -> str:
    """`0.956 (0.951 to 0.962)`; "" where there are too few seeds."""
    if found is None or found.low is None or found.high is None:
        return ""
    if found.low == found.high:
        return f"{found.mean:.4g}"
    decimals = decimals_of((found.high - found.low) / 2)
    return f"{found.mean:.{decimals}f} ({found.low:.{decimals}f} to {found.high:.{decimals}f})"


def spell_value(value: Any) -> str:
    """A config value as it is typed."""
    return ABSENT if value == ABSENT else spell(tuple(value) if isinstance(value, list) else value)


def label_of(one: Group, groups: Sequence[Group]) -> str:
    """What tells a group from the others in a legend: `A: learning-rate 0.001`."""
    alike = [other.config for other in groups if other.experiment == one.experiment]
    parts = [
        f"{name.replace('_', '-')} {spell_value(one.config.get(name, ABSENT))}"
        for name in list(differing_fields(alike))[:3]
    ]
    parts += [one.data] if one.data else []
    if len(alike) < len(groups) or not parts:
        parts = [one.experiment, *parts]
    return f"{one.letter}: {', '.join(parts)}"

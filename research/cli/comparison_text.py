"""A comparison in a terminal: what the groups are, their figures, and whether they differ."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from research.options.convert import spell
from research.options.terminal import Column, make_console, print_table, width
from research.runs.bounds import bounds_of, ends_of
from research.runs.comparison import Comparison
from research.runs.grouping import Group
from research.runs.robust import spell_coverage
from research.runs.spelling import spell_middle, spell_name, spell_parts, spell_seeds

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
    printed = [chosen, *(others if fits else ())]
    cut = any(
        ends_of(at.mean, at.half or 0.0, bounds_of(found.metric, one.config)).cut
        for found in printed
        for one in groups
        if (at := found.spreads[one.letter]).n
    )
    console.print(
        "   mean over seeds, with its 95 % interval (Student's t"
        f"{', cut at what a figure can be' if cut else ''})",
        style="dim",
    )
    middles = [middle for found in printed for middle in found.middles.values()]
    if middles:
        covers = next(filter(None, map(spell_coverage, sorted(middles, key=lambda it: it.n))), "")
        _wrap(
            "IQM: mean of the middle half of the seeds, with its bootstrap interval"
            f"{f'; {covers}' if covers else ''}",
            file,
            "dim",
        )
    print_table(_figure_columns(groups, printed), file)
    if not fits:
        names = ", ".join(found.metric for found in others)
        _wrap(f"--metric takes these too: {names}; --json has all", file, "dim")
    if len(groups) > 1:
        console.print()
        question = f"Do they differ in {spell_name(chosen.metric)}?"
        console.print(question, style="bold")
        for pair in chosen.main_pairs:
            _wrap(pair.sentence, file, "green" if pair.test.significant else "")
        others_left = len(chosen.pairs) - len(chosen.main_pairs)
        if others_left:
            _wrap(
                f"{others_left} more pairs, without the best group: --json has them; the "
                "correction counts them all.",
                file,
                "dim",
            )
    for note in notes:
        _wrap(f"note: {note}", file, "yellow")


def _wrap(text: str, file: TextIO, style: str = "") -> None:
    console = make_console(file)
    for at, line in enumerate(textwrap.wrap(text, max(min(width(file), 100) - 4, 30))):
        console.print(f"  {'' if at == 0 else '  '}{line}", style=style or None)


def _group_columns(groups: Sequence[Group], differing: Mapping[str, Sequence[Any]]) -> list[Column]:
    runs = [len(one.runs) for one in groups]
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
        cells = [spell(value) for value in values]
        columns.append(Column(name.replace("_", "-"), cells, "bold yellow"))
    return columns


def _field_columns(groups: Sequence[Group], differing: Mapping[str, Sequence[Any]]) -> list[Column]:
    columns = [Column("field", [name.replace("_", "-") for name in differing])]
    for at, one in enumerate(groups):
        cells = [spell(values[at]) for values in differing.values()]
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

"""`compare`: runs side by side, grouped by config, and whether they differ."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

from research.engine.directory import LEDGER_FILE
from research.engine.selection import larger_is_better, matching
from research.errors import Mistake
from research.options.command import Command, Context, OnRuns, Outcome, parse, require
from research.options.convert import did_you_mean, spell
from research.options.ranges import PATH
from research.options.terminal import Column, make_console, print_table, width
from research.runs.comparison import Comparison, compare
from research.runs.files import read_provenance
from research.runs.grouping import (
    Group,
    choose_figure,
    differing_fields,
    group_runs,
    metric_names,
    notes_on,
)
from research.runs.intervals import bounds_of, ends_of
from research.runs.names import RUN, find_meant
from research.runs.robust import spell_coverage
from research.runs.run import Run
from research.runs.spelling import spell_middle, spell_name, spell_parts, spell_seeds
from research.runs.summary import summarize


@dataclass(frozen=True)
class Options(OnRuns):
    """Options of `compare`."""

    metric: Annotated[str, "what to compare by [the figure that matters most]"] = ""
    better: Annotated[Literal["auto", "higher", "lower"], "which end of the metric is good"] = (
        "auto"
    )
    unfinished: Annotated[bool, "count runs that are not complete, by their last figures"] = False
    output: Annotated[str, "or -o FILE: a picture, .png, .svg or .pdf", PATH] = ""


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Group the runs, compare them, print, and draw where asked."""
    words, options = parse(COMMAND, tokens)
    picture = _picture(options.output)
    runs, left_out = gather(words, Path(options.runs_dir), unfinished=options.unfinished)
    if picture is not None:
        from research.runs.reading import with_curves

        runs = [with_curves(run) for run in runs]
    groups = group_runs(runs)
    metric = choose_metric(groups, options.metric)
    known = {"higher": True, "lower": False}
    chosen = compare(groups, metric, known.get(options.better, larger_is_better(metric)))
    others = [
        compare(groups, name, larger_is_better(name))
        for name in metric_names(groups)
        if name != metric
    ]
    differing = differing_fields([one.config for one in groups])
    notes = remarks(groups, metric, left_out)
    print_comparison(groups, chosen, others, differing, notes, context.human)
    if picture is not None:
        from research.report.comparison_plot import draw

        draw(picture, groups, chosen)
        print(f"written: {picture}", file=context.human)
    return Outcome(report(groups, chosen, others, list(differing), notes))


def gather(
    words: Sequence[str], runs_dir: Path, *, unfinished: bool
) -> tuple[list[Run], list[Run]]:
    """The runs that the words stand for, each once: those that count, and those left out.

    Raises:
        Mistake: a word stands for no run, or none of them counts.
    """
    found: dict[Path, Path] = {}
    for word in words:
        for directory in find_meant(word, runs_dir):
            found.setdefault(directory.resolve(), directory)
    runs = [summarize(directory) for directory in found.values()]
    counted = [
        run
        for run in runs
        if any(member.metrics for member in run.members)
        and (run.state == "complete" or (unfinished and run.state != "damaged"))
    ]
    if not counted:
        states = ", ".join(f"{run.directory.name} ({run.state})" for run in runs[:4])
        hint = "" if unfinished else "; --unfinished counts the last figures of runs under way"
        raise Mistake(f"compare: none of these runs has final figures: {states}{hint}")
    left_out = [run for run in runs if run not in counted]
    return [
        run._replace(made_by=read_provenance(run.directory / LEDGER_FILE)) for run in counted
    ], left_out


def choose_metric(groups: Sequence[Group], word: str) -> str:
    """The metric that a word stands for; without one the figure that matters most.

    Raises:
        Mistake: no run has it.
    """
    names = metric_names(groups)
    if word:
        fitting = matching(word, names)
        if not fitting:
            shorts = [name.rpartition("/")[2] for name in names]
            near = did_you_mean(word, dict.fromkeys((*names, *shorts)))
            hint = near or f"; there are {', '.join(names)}"
            raise Mistake(f"compare: --metric {word}: no run has it{hint}")
        return fitting[0]
    best = choose_figure(groups)
    if best is None:
        raise Mistake("compare: these runs have no figures")
    return best


def remarks(groups: Sequence[Group], metric: str, left_out: Sequence[Run]) -> list[str]:
    """What a reader has to know before believing the table."""
    notes = []
    if any(one.data for one in groups):
        alike = ", ".join(one.letter for one in groups if one.data)
        notes.append(f"{alike}: the same config on different data, so not one group")
    for state in dict.fromkeys(run.state for run in left_out):
        names = [run.directory.name for run in left_out if run.state == state]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        hint = {"damaged": "", "diverged": ": the figures are those of the seeds that did not"}.get(
            state, " (--unfinished counts them)"
        )
        notes.append(f"left out, {state}: {', '.join(names[:3])}{more}{hint}")
    notes += notes_on(groups, [one.letter for one in groups])
    for one in groups:
        lacking = len(one.members) - len(one.values(metric))
        if lacking:
            notes.append(f"{one.letter}: {lacking} of {len(one.members)} seeds have no {metric}")
    if len({one.experiment for one in groups}) > 1:
        notes.append("the groups are of different experiments: their figures may not be of a kind")
    return notes


def report(
    groups: Sequence[Group],
    chosen: Comparison,
    others: Sequence[Comparison],
    differing: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "metric": chosen.metric,
        "larger_is_better": chosen.larger_is_better,
        "best": chosen.best,
        "groups": [
            {
                "group": one.letter,
                "experiment": one.experiment,
                "config": one.config,
                "initial": one.initial,
                "data": one.data,
                "seeds": one.seeds,
                "runs": [str(run.directory) for run in one.runs],
                "values": one.values(chosen.metric),
            }
            for one in groups
        ],
        "differing": list(differing),
        "metrics": {
            found.metric: {
                letter: at._asdict()
                | (
                    {
                        "interquartile": {
                            **found.middles[letter]._asdict(),
                            "coverage": found.middles[letter].coverage,
                        }
                    }
                    if letter in found.middles
                    else {}
                )
                for letter, at in found.spreads.items()
            }
            for found in (chosen, *others)
        },
        "pairs": [
            {
                "left": pair.left,
                "right": pair.right,
                **pair.test._asdict(),
                "shown": pair.test.significant,
                "sentence": pair.sentence,
            }
            for pair in chosen.pairs
        ],
        "notes": list(notes),
    }


def _picture(output: str) -> Path | None:
    """Where the picture goes, checked before anything is done.

    Raises:
        Mistake: an ending that cannot be drawn, a folder that is not there, no matplotlib.
    """
    if not output:
        return None
    from research.report.comparison_plot import FORMATS

    path = Path(output)
    if path.suffix.lower() not in FORMATS:
        page = "; `python launch.py report` makes pages" if path.suffix == ".html" else ""
        raise Mistake(f"compare: --output {output}: {', '.join(FORMATS)} can be written{page}")
    if not path.parent.is_dir():
        raise Mistake(f"compare: --output {output}: there is no folder {path.parent}")
    require("matplotlib", "compare: --output")
    return path


COMMAND = Command(
    name="compare",
    summary="runs side by side, grouped by config: means, intervals, and whether they differ",
    text="""Runs with the same config and other seeds are one group, and so are the members of a
    population. For each group and metric it shows the mean over seeds, the standard deviation, the
    95 % interval of the mean (Student's t) and the number of seeds; of four seeds or more the
    interquartile mean, which one lucky seed does not move, with its bootstrap interval (Agarwal et
    al. 2021); which config fields differ; and the best mean.

    Then it tests whether each pair of groups differs: by Welch's test, or by the paired test
    where both have the same seeds, with the interval of the difference, the effect size (Hedges'
    g), and Holm's correction where there are several pairs. One seed shows nothing: five or more of
    each (`run NAME --seeds 5`) are worth comparing. The tests take the figures of seeds as draws of
    a normal distribution; of few seeds that lie near a bound, such as accuracies of 1, believe
    them less.

    RUN may stand for several runs: `compare digits_cnn` compares all of that experiment. The metric
    is the one that `runs` shows, or --metric: `test/accuracy`, or just `accuracy`.""",
    arguments=(RUN._replace(help="a run, a part of its name, or an experiment's name", many=True),),
    options=Options,
    examples=(
        ("compare digits_cnn", "all runs of an experiment, by config"),
        ("compare 3f2a 9bc1", "all seeds of two configs, by the beginnings of their digests"),
        ("compare 3f2a 9bc1 --metric validation/loss", "by another figure"),
        ("compare digits_cnn -o digits.png", "with a picture of the curves and the intervals"),
        ("compare digits_cnn --json", "for a program"),
    ),
    exits=(),
    execute=execute,
)


_FIELDS_BESIDE = 5
"""Differing fields that stand beside the groups; more of them have a table of their own."""
_MOST_ROWS = 40
"""Rows of figures in the table; of more, only the chosen metric is in it."""


def print_comparison(
    groups: Sequence[Group],
    chosen: Comparison,
    others: Sequence[Comparison],
    differing: Mapping[str, Sequence[Any]],
    notes: Sequence[str],
    file: TextIO,
) -> None:
    """Print groups, figures, sentences and notes.

    `chosen` compares by the metric that was asked for, `others` by the other metrics; `differing`
    maps a field to its value in each group.
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
    rows: list[tuple[str, ...]] = []
    for found in comparisons:
        those = [one for one in groups if found.spreads[one.letter].n or found is comparisons[0]]
        for at, one in enumerate(those):
            spread = found.spreads[one.letter]
            lost = f" of {spread.n + spread.nonfinite}" if spread.nonfinite else ""
            rows.append(
                (
                    "" if at else found.metric,
                    one.letter,
                    f"{spread.n}{lost}",
                    *spell_parts(spread, bounds_of(found.metric, one.config)),
                    spell_middle(found.middles.get(one.letter)),
                    "best" if one.letter == found.best else "",
                )
            )
    metrics, letters, counts, means, intervals, deviations, middles, marks = zip(*rows, strict=True)
    robust = Column("IQM", middles, shorter=[(1, None)])
    return [
        Column("metric", metrics, "bold"),
        Column("group", letters, "cyan"),
        Column("seeds", counts, right=True),
        Column("mean", means, styles=["bold green" if mark else "" for mark in marks], right=True),
        Column("95 % interval", intervals),
        Column("st. dev.", deviations, right=True, shorter=[(2, None)]),
        *([robust] if any(middles) else []),
        Column("", marks, "bold green"),
    ]

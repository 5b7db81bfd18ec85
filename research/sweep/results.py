"""The results of a sweep: a line a trial, the table at the end, JSON and CSV."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from research.engine.result import spread
from research.options.convert import spell
from research.options.terminal import Column, is_terminal, make_console, print_table
from research.runs.spelling import spell_figure
from research.sweep.space import spell_point
from research.sweep.trial import Job, Outcome, figure

ROWS = 20
"""Rows of the table that are shown; all are in `table.csv`."""


class Progress:
    """Lines of progress, and on a terminal a bar below them."""

    def __init__(self, file: TextIO) -> None:
        self._console = make_console(file)
        self._live = is_terminal(file)
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def show(self, text: str, style: str | None = None) -> None:
        """A line."""
        self._console.print(text, style=style, soft_wrap=True)

    def note(self, text: str) -> None:
        """A sentence that stands out."""
        self.show(f"note: {text}", "yellow")

    def start(self, trials: int) -> None:
        """Show the bar, where a person looks at it."""
        if not self._live:
            return
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            progress.BarColumn(bar_width=None),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.description}", style="cyan"),
            console=self._console,
            refresh_per_second=4,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task("", total=trials)
        self._bar.start()

    def done(self, trials: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=trials)

    def at_work(self, jobs: Sequence[Job]) -> None:
        """Say beside the bar what is under way."""
        if self._bar is not None and jobs:
            first = f"trial {jobs[0].trial}, seed {jobs[0].seed}"
            others = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            self._bar.update(self._task, description=f"at work: {first}{others}")

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def spell_ended(outcome: Outcome, metric: str, done: int, count: int, best: Outcome | None) -> str:
    """`3 of 6: learning-rate 0.001: validation/accuracy 0.93, the best so far`."""
    head = f"{done:>{len(str(count))}} of {count}: {spell_point(outcome.trial.point)}"
    if outcome.value is None:
        return f"{head}: {outcome.state}: {outcome.reason}"
    is_best = best is not None and best.trial.number == outcome.trial.number
    mark = ", the best so far" if is_best and done > 1 else ""
    return f"{head}: {metric} {spell_figure(outcome.value)}{mark}"


def print_report(report: Mapping[str, Any], command: Sequence[str], file: TextIO) -> None:
    """The table of a sweep's report, and what to type next.

    Trials are best first; `command` runs the best one again, after `python launch.py`.
    """
    console = make_console(file)
    trials: Sequence[Mapping[str, Any]] = report["trials"]
    rows = trials[:ROWS]
    best = [not at and row["value"] is not None for at, row in enumerate(rows)]
    styles = ["bold green" if one else "" for one in best]
    cells = [("trial", [str(row["trial"]) for row in rows])]
    for name in trials[0]["values"] if trials else ():
        cells.append((name.replace("_", "-"), [spell(row["values"][name]) for row in rows]))
    figures = [row["state"] if row["value"] is None else spell_figure(row["value"]) for row in rows]
    between = [
        "" if row["low"] is None else f"{spell_figure(row['low'])} to {spell_figure(row['high'])}"
        for row in rows
    ]
    cells += [(report["metric"], figures), ("95 % interval", between)]
    columns = [Column(name, one, styles=styles, right=True) for name, one in cells if any(one)]
    reasons = Column("", [row["reason"] for row in rows], styles=styles, flexible=True)
    if rows:
        print_table([*columns, *([reasons] if any(reasons.cells) else [])], file)
    if len(trials) > ROWS:
        console.print(f"  and {len(trials) - ROWS} more in {report['sweep_dir']}/table.csv")
    if command:
        console.print("Best", style="bold")
        console.print(f"  python launch.py {shlex.join(command)}", soft_wrap=True, style="cyan")
    console.print("Sweep", style="bold")
    console.print(f"  {report['sweep_dir']}", soft_wrap=True)


def report_row(outcome: Outcome, metric: str, runs_dir: Path) -> dict[str, Any]:
    """A trial as JSON: number, state, values, figures of each seed, interval, reason."""
    runs = []
    values = []
    for job, ending in zip(outcome.trial.jobs, outcome.endings, strict=True):
        value = None if ending is None else figure(ending, metric)
        if value is not None:
            values.append(value)
        runs.append(
            {
                "seed": job.seed,
                "run_dir": job.directory.relative_to(runs_dir).as_posix(),
                "state": ending.state if ending else "",
                "value": value,
            }
        )
    made = spread(values if outcome.value is not None and len(values) == len(runs) else [])
    return {
        "trial": outcome.trial.number,
        "state": outcome.state or "unfinished",
        "values": dict(outcome.trial.point),
        "value": outcome.value,
        "standard_deviation": made.standard_deviation,
        "low": made.low,
        "high": made.high,
        "reason": outcome.reason,
        "runs": runs,
    }


def spell_csv(rows: Sequence[dict[str, Any]], metric: str) -> str:
    """The rows as CSV. It holds nothing that differs between two runs of the same sweep."""
    fields = list(rows[0]["values"]) if rows else []
    figures = ("standard_deviation", "low", "high")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", *fields, metric, *figures, "reason", "runs"])
    for row in rows:
        writer.writerow(
            [
                row["trial"],
                row["state"],
                *(spell(row["values"][name]) for name in fields),
                *("" if row[name] is None else repr(row[name]) for name in ("value", *figures)),
                row["reason"],
                " ".join(run["run_dir"] for run in row["runs"]),
            ]
        )
    return text.getvalue()
